"""Reads a Dockerfile, as far as ours go: stages of instructions, each with its text."""
import re
import shlex


class Stage:
    def __init__(self, base, name):
        self.base, self.name = base, name
        self.instructions = []  # (word, text)

    def of(self, word):
        return [text for found, text in self.instructions if found == word]

    def environment(self):
        """What ENV sets: `NAME=value ...`, values quoted where need be."""
        pairs = [pair for text in self.of("ENV") for pair in shlex.split(text)]
        return dict(pair.split("=", 1) for pair in pairs)


class Dockerfile:
    def __init__(self, text):
        self.stages = []
        for word, rest in instructions(text):
            if word == "FROM":
                match = re.fullmatch(r"(\S+)(?:\s+AS\s+(\S+))?", rest, re.IGNORECASE)
                self.stages.append(Stage(match.group(1), match.group(2)))
            elif not self.stages:
                raise ValueError(f"{word} before the first FROM")
            else:
                self.stages[-1].instructions.append((word, rest))

    def stage(self, name):
        (found,) = [stage for stage in self.stages if stage.name == name]
        return found


def instructions(text):
    """(word, rest) of each; lines that end in a backslash go on, comment lines are left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    for line in joined.splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()

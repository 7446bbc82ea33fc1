"""Carries out a Dockerfile without Docker: each stage is a directory, each RUN happens in it by
chroot, from a Debian root that is given. An instruction that it does not know is an error.

Needs root, and a mount namespace of its own, where the mounts of a step end with it.
"""
import os
import re
import shlex
import shutil
import subprocess

from dockerfile import Dockerfile

# Say something about the image, and are looked at by who runs it.
METADATA = ("LABEL", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "USER")
DEVICES = ("null", "zero", "full", "random", "urandom")
MOUNTS = """
set -e
root=$1
shift
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=1m tmpfs "$root/dev"
for device in """ + " ".join(DEVICES) + """; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0=stdin 1=stdout 2=stderr; do
    ln -s "/proc/self/fd/${stream%=*}" "$root/dev/${stream#*=}"
done
mkdir -m 1777 "$root/dev/shm"
"""
STEP = MOUNTS + """
touch "$root/etc/resolv.conf"
mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
exec chroot "$root" /bin/sh -c "cd $1 && $2"
"""


class StepFailed(Exception):
    pass


def isolated(script, *arguments):
    """The words of a command that runs a shell script among mounts and processes of its own."""
    return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
            "--", "/bin/sh", "-c", script, "sh", *arguments]


def pattern_of(text):
    """A regular expression for a line of .dockerignore: what it names, and all below."""
    parts = re.split(r"(\*\*/|\*)", text)
    meaning = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts) + "(?:/.*)?")


class Ignored:
    def __init__(self, text):
        lines = [line.strip() for line in text.splitlines()]
        self.rules = [(line[:1] != "!", pattern_of(line.lstrip("!"))) for line in lines
                      if line and not line.startswith("#")]

    def __contains__(self, path):
        ignored = False
        for excludes, pattern in self.rules:
            if pattern.fullmatch(path):
                ignored = excludes
        return ignored


def context_files(context, ignored):
    """The paths, relative to the context, that a build gets to see."""
    for directory, names, files in os.walk(context):
        inside = os.path.relpath(directory, context)
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            path = os.path.normpath(os.path.join(inside, name))
            if path not in ignored:
                yield path


class Image:
    """bases is {name in FROM: directory}; stages come into being below `work`."""

    def __init__(self, context, dockerfile, bases, work):
        self.context, self.bases, self.work = context, bases, work
        with open(dockerfile, encoding="utf-8") as file:
            self.dockerfile = Dockerfile(file.read())
        with open(dockerfile + ".dockerignore", encoding="utf-8") as file:
            self.ignored = Ignored(file.read())
        self.log = ""

    def root(self, name):
        return os.path.join(self.work, name)

    def build(self, name):
        """Makes the stage, which must not be there yet; what it starts from must be."""
        stage = self.dockerfile.stage(name)
        base = self.bases.get(stage.base) or self.root(stage.base)
        subprocess.run(["cp", "-a", "--reflink=auto", base, self.root(name)], check=True)
        place, environment = "/", {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        for ancestor in self.ancestors(stage):
            environment.update(ancestor.environment())
            place = (ancestor.of("WORKDIR") or [place])[-1]
        for word, text in stage.instructions:
            if word == "RUN":
                self.run(name, text, place, environment)
            elif word == "COPY":
                self.copy(name, text, place)
            elif word == "ENV":
                environment.update(pair.split("=", 1) for pair in shlex.split(text))
            elif word == "WORKDIR":
                place = os.path.join(place, text)
                os.makedirs(self.root(name) + place, exist_ok=True)
            elif word == "ARG":
                environment.update([text.split("=", 1)] if "=" in text else [])
            elif word not in METADATA:
                raise StepFailed(f"{word} is not known here")
        return self.root(name)

    def ancestors(self, stage):
        names = [other.name for other in self.dockerfile.stages]
        if stage.base not in names:
            return []
        parent = self.dockerfile.stage(stage.base)
        return self.ancestors(parent) + [parent]

    def run(self, name, command, place, environment):
        proxies = {key: value for key, value in os.environ.items()
                   if key in ("http_proxy", "https_proxy", "no_proxy")}
        done = subprocess.run(
            isolated(STEP, self.root(name), shlex.quote(place), command),
            env={**proxies, **environment, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
        self.log += done.stdout
        if done.returncode != 0:
            raise StepFailed(f"{name}: RUN {command}: exit code {done.returncode}\n"
                             f"{done.stdout[-30000:]}")

    def copy(self, name, text, place):
        words = shlex.split(text)
        source_stage = words.pop(0)[len("--from="):] if words[0].startswith("--from=") else None
        *sources, target = words
        target = self.root(name) + os.path.join(place, target)
        for source in sources:
            if source_stage is not None:
                self.copy_tree(self.root(source_stage) + source, target)
            elif source == ".":
                self.copy_context(os.path.normpath(target))
            else:
                raise StepFailed(f"COPY {text} is not known here")

    @staticmethod
    def copy_tree(source, target):
        os.makedirs(target, exist_ok=True)
        subprocess.run(["cp", "-a", os.path.join(source, "."), target], check=True)

    def copy_context(self, target):
        for path in context_files(self.context, self.ignored):
            place = os.path.join(target, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            shutil.copy2(os.path.join(self.context, path), place, follow_symlinks=False)

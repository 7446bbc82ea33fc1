#!/usr/bin/python3
"""Counts what a `meson test` run really ran.

Reads meson's testlog.json. Each program counts by the cases it reports (cmocka, unittest), else as
one. A program that failed without reporting a failed case (crash, timeout, sanitizer) adds one.
Prints a line for every program that failed or was skipped, with the end of what it said if it
failed, then `N passed, N failed[, N skipped]`.
Exit code 1 when something failed or nothing ran.
"""
import json
import re
import sys


def number(pattern, text):
    return sum(int(found) for found in re.findall(pattern, text, re.MULTILINE))


def cases(text):
    """(passed, failed, skipped) as the program's own runner reports them; None if it does not."""
    if re.search(r"^\[==========\] .*Running \d+ test", text, re.MULTILINE):
        return (number(r"^\[  PASSED  \] (\d+) test", text),
                number(r"^\[  FAILED  \] .*?(\d+) test\(s\), listed below", text),
                number(r"^\[  SKIPPED \] .*?(\d+) test\(s\), listed below", text))
    ran = number(r"^Ran (\d+) tests? in ", text)
    if ran == 0:
        return None
    summary = " ".join(re.findall(r"^(?:OK|FAILED)\b.*$", text, re.MULTILINE))
    failed = number(r"(?:(?<!expected )failures|errors|unexpected successes)=(\d+)", summary)
    skipped = number(r"skipped=(\d+)", summary)
    return max(ran - failed - skipped, 0), failed, skipped


def outcome(test):
    result = test["result"]
    text = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    counted = cases(text)
    if result == "SKIP":
        return 0, 0, max(counted[2], 1) if counted else 1
    good = result in ("OK", "EXPECTEDFAIL")
    passed, failed, skipped = counted if counted else (int(good), 0, 0)
    if not good and failed == 0:
        failed = 1
    return passed, failed, skipped


def last_words(test):
    """Where it was, and why it failed: cmocka tells the first on stdout, the second on stderr."""
    running = re.findall(r"^\[ RUN      \] .*$", test.get("stdout") or "", re.MULTILINE)
    said = ((test.get("stderr") or "").strip() or (test.get("stdout") or "").strip()).splitlines()
    code = test.get("returncode", 0)
    sanitizer = [line for line in said if re.search("Sanitizer: |runtime error: ", line)]
    return [f"exit {code}"] + (running[-1:] if code < 0 else []) + sanitizer[:2] + said[-6:]


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as log:
            tests = [json.loads(line) for line in log if line.strip()]
    except FileNotFoundError:
        tests = []
    totals = [0, 0, 0]
    for test in tests:
        counts = outcome(test)
        totals = [total + count for total, count in zip(totals, counts)]
        if counts[1] > 0 or test["result"] == "SKIP":
            print(f"{test['result']}: {test['name']}")
        if counts[1] > 0:
            print("".join(f"    {line[:300]}\n" for line in last_words(test)), end="")
    passed, failed, skipped = totals
    print(f"{len(tests)} test programs")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())

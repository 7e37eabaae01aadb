"""Lengths, functions that we do not use, and paths of somebody's machine."""
import json
import re

from sources import Finding, blank, output

FUNCTION_LINES = 70
FILE_LINES = 600
COLUMNS = 100

# function: what to use instead
BANNED = {
    "strcpy": "memcpy with a length, or buf_*", "strcat": "buf_*", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "gets": "fgets or read", "strtok": "slice functions of base/text.h",
    "atoi": "the parsers of base/text.h", "atol": "the parsers of base/text.h",
    "atoll": "the parsers of base/text.h", "rand": "base/rng.h", "srand": "base/rng.h",
    "alloca": "a fixed buffer or malloc",
    "sleep": "a wait on the condition, with a deadline",
    "usleep": "a wait on the condition, with a deadline",
}
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
# A tick of less than 0.1 s is the poll of a wait with a deadline; more is a guess.
BANNED_PYTHON = re.compile(r"\btime\.sleep\s*\((?!0\.0\d+\))|^\s*from time import .*\bsleep\b")


def lengths(tree):
    for path in tree.named(".c", ".h", ".py", ".sh", "/run") + ["run"]:
        lines = tree.text(path).splitlines()
        if len(lines) > FILE_LINES and not tree.excepted("file-length", path):
            yield Finding(path, FILE_LINES, f"has {len(lines)} lines, {FILE_LINES} are the limit: "
                                            "give a noun of it a file of its own")
        for number, line in enumerate(lines, 1):
            if len(line.expandtabs(8)) > COLUMNS and not tree.excepted("columns", path):
                yield Finding(path, number, f"is {len(line)} columns wide, {COLUMNS} are the limit")
    yield from function_lengths(tree)


def function_lengths(tree):
    sources = tree.named(".c", ".h")
    _, text = output("ctags", "--options=NONE", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f",
                     "--fields=+ne", "--output-format=json", "-f", "-", *sources)
    seen = 0
    for line in text.splitlines():
        tag = json.loads(line) if line.startswith("{") else {}
        if tag.get("_type") != "tag" or "end" not in tag:
            continue
        seen += 1
        count = tag["end"] - tag["line"] + 1
        name = f"{tag['path']}:{tag['name']}"
        if count > FUNCTION_LINES and not tree.excepted("function-length", name):
            yield Finding(tag["path"], tag["line"], f"{tag['name']} has {count} lines, "
                          f"{FUNCTION_LINES} are the limit: split it, or list it with its reason "
                          "in tests/lint/exceptions.txt")
    if not seen:
        yield Finding("tests/lint/rules.py", 1, "ctags found no function; is it universal-ctags? "
                                               + text[:200])


def banned_functions(tree):
    for path in tree.named(".c", ".h"):
        for number, line in enumerate(blank(tree.text(path)).splitlines(), 1):
            for match in BANNED_CALL.finditer(line):
                if not tree.excepted("banned", f"{path}:{match[1]}"):
                    yield Finding(path, number, f"{match[1]}() is not used here; "
                                                f"instead: {BANNED[match[1]]}")
    for path in tree.named(".py"):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if BANNED_PYTHON.search(line) and not tree.excepted("banned", f"{path}:sleep"):
                yield Finding(path, number, "a sleep is a guess; wait on the condition instead")


def machine_paths(tree):
    """The repository speaks of the project alone, not of the machines it was written on."""
    # Put together here, so that this file does not name them either.
    paths = re.compile("|".join(re.escape(head + tail) for head, tail in
                                (("/wo", "rk/"), ("../sha", "red"), ("/tmp/bui", "ld-"))))
    for path in tree.files:
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            match = paths.search(line)
            if match and not (path == ".ci/run" and "share" in match.group()):
                yield Finding(path, number, f"names a place on one machine: {match.group()}")

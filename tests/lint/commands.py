"""Command lines in the pages: each command and option that they show must be one that exists.

The commands are those of commands.def, the options those that the built programs' --help names.
"""
import functools
import re
import subprocess

from sources import Finding

TABLE = "client/cli/commands.def"
PROGRAMS = ("muster", "musterd", "muster-worker")
# Where a shell would look for a command: at the line's start, after a prompt, a pipe, a variable.
CALL = re.compile(r"(?:^|[|;&(] ?|\$ |[A-Z_]+=\S+ |\bsudo )(?:\S*/)?(musterd|muster-worker|muster)"
                  r"(?= |$)([^|;&<>)]*)")
WORD = re.compile(r"'[^']*'|\"[^\"]*\"|\S+")


def code(text):
    """(line, code) of each line in a fence and each piece in backticks; continued lines joined."""
    fenced = False
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        while fenced and line.endswith("\\"):
            line = line[:-1] + next(lines, (0, ""))[1]
        for piece in [line] if fenced else re.findall(r"`([^`]+)`", line):
            yield number, piece.strip()


class Help:
    def __init__(self, tree):
        self.folder = tree.build / "bin"
        self.commands = set(re.findall(r'^COMMAND\(\w+, "([a-z ]+)"', tree.text(TABLE), re.M))

    @functools.lru_cache(maxsize=None)
    def options(self, program, command):
        done = subprocess.run([self.folder / program, *command.split(), "--help"],
                              capture_output=True, text=True, timeout=10)
        return set(re.findall(r"--[a-z][a-z-]*", done.stdout))

    def command_of(self, words):
        """The command that these words of muster's call begin with: known, else a Finding's text;
        empty if there is none (`muster --help`)."""
        value = False
        for at, word in enumerate(words):
            if value or word.startswith("-"):
                value = not value and word in ("--broker", "--timeout")
            elif word in self.commands:
                return word, None
            elif " ".join(words[at:at + 2]) in self.commands:
                return " ".join(words[at:at + 2]), None
            else:
                known = any(name.split()[0] == word for name in self.commands | {"help"})
                said = word.endswith(":")  # what a command prints: "muster scheduler: ready"
                return "", None if known or said or not word.islower() else word
        return "", None


def calls(tree):
    programs = Help(tree)
    if not all((programs.folder / name).exists() for name in PROGRAMS):
        yield Finding(TABLE, 1, f"the programs are not in {programs.folder}: ./run build")
        return
    for path in tree.named(".md"):
        for line, text in code(tree.text(path)):
            for program, rest in CALL.findall(text):
                words = WORD.findall(rest)
                command, unknown = programs.command_of(words) if program == "muster" else ("", None)
                if unknown:
                    yield Finding(path, line, f"muster has no command {unknown} ({TABLE})")
                    continue
                for word in words:
                    name = word.partition("=")[0]
                    if name.startswith("--") and name not in programs.options(program, command):
                        yield Finding(path, line, f"{program} {command}".strip() +
                                      f" --help names no {name}")

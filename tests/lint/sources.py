"""What the checks look at: the project's own files, their text, and the listed exceptions."""
import dataclasses
import functools
import os
import re
import subprocess

EXCEPTIONS = "tests/lint/exceptions.txt"


class Skip(Exception):
    """A check cannot be made here (said aloud, never silent)."""


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    file: str
    line: int
    text: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.text}"


COMMENT_OR_STRING = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X)


def blank(text, keep_strings=False):
    """The C text with comments (and what stands in quotes) blanked; lines stay where they were."""
    def fill(match):
        piece = match.group()
        if piece[0] in "\"'":
            return piece if keep_strings else piece[0] * 2
        return re.sub(r"[^\n]", " ", piece)
    return COMMENT_OR_STRING.sub(fill, text)


class Tree:
    def __init__(self, root, build):
        self.root = root
        self.build = build
        self.used = set()

    @functools.cached_property
    def files(self):
        """Paths below the root of all files that are or would be committed, sorted."""
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={self.root}", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"], cwd=self.root, capture_output=True) if (
                 self.root / ".git").exists() and has("git") else None
        if listed and listed.returncode == 0:
            paths = listed.stdout.decode().split("\0")
        else:
            paths = [str(path.relative_to(self.root)) for path in self.root.rglob("*")
                     if not any(part in (".git", "__pycache__") or part.startswith("build")
                                for part in path.relative_to(self.root).parts)]
        return sorted(path for path in paths if path and (self.root / path).is_file())

    def named(self, *endings):
        return [path for path in self.files if path.endswith(endings)]

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    @functools.cached_property
    def exceptions(self):
        """(check, what) -> line number, from lines `check what: reason`."""
        found = {}
        for number, line in enumerate(self.text(EXCEPTIONS).splitlines(), 1):
            match = re.fullmatch(r"([a-z-]+) (\S+): \S.*", line)
            if match:
                found[match.groups()] = number
            elif line and not line.startswith("#"):
                found[("malformed", line)] = number
        return found

    def excepted(self, check, what):
        self.used.add((check, what))
        return (check, what) in self.exceptions

    def stale_exceptions(self):
        for key, number in self.exceptions.items():
            if key[0] == "malformed":
                yield Finding(EXCEPTIONS, number, "must read `check what: reason`")
            elif key not in self.used:
                yield Finding(EXCEPTIONS, number, "is no longer needed: remove the line")


def has(program):
    return any(os.access(os.path.join(folder, program), os.X_OK)
               for folder in os.environ.get("PATH", os.defpath).split(os.pathsep))


def output(*command):
    """A tool's exit status and what it prints (both streams)."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except FileNotFoundError:
        raise SystemExit(f"lint: {command[0]} is not installed; ./run lint installs it")
    return done.returncode, done.stdout + done.stderr

"""Checks that other programs make for us."""
import concurrent.futures
import os
import re
import shutil

from includes import compile_flags
from sources import Finding, Skip, output

CLANG_FORMAT_MAJOR = "14"
SOURCES = ("broker", "client", "proto", "worker")


def clang_format(tree):
    """Another major version formats differently; then the check says so and is left out."""
    _, version = output("clang-format", "--version")
    major = re.search(r"version (\d+)", version)
    if not major or major.group(1) != CLANG_FORMAT_MAJOR:
        raise Skip(f"it needs clang-format {CLANG_FORMAT_MAJOR}, here is: {version.strip()}")
    files = tree.named(".c", ".h")
    _, text = output("clang-format", "--dry-run", *files)
    for file in dict.fromkeys(re.findall(r"^([^:\n]+):\d+:\d+: warning: code should", text, re.M)):
        line = re.search(rf"^{re.escape(file)}:(\d+):", text, re.M)
        yield Finding(file, int(line.group(1)), f"is not formatted: clang-format -i {file}")


def shellcheck(tree):
    scripts = [path for path in tree.files
               if path.endswith(".sh") or re.match(r"#!.*\b(sh|bash)\b", first_line(tree, path))]
    _, text = output("shellcheck", "--format=gcc", *scripts)
    for line in text.splitlines():
        match = re.match(r"(.+?):(\d+):\d+: (.*)", line)
        if match:
            yield Finding(match[1], int(match[2]), match[3])
        elif line:
            yield Finding("tests/lint/tools.py", 1, f"shellcheck: {line}")


CLANG_WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Wvla",
                  "-Wformat=2"]


def clang(tree):
    """The second compiler: it looks at the programs and the library, and makes no code."""
    if not shutil.which("clang"):
        raise Skip("clang is not installed")
    files = [path for path in tree.named(".c") if path.split("/")[0] in SOURCES]
    flags = compile_flags()

    def look(path):
        _, text = output("clang", "-std=c17", "-D_GNU_SOURCE", '-DMUSTER_VERSION="lint"',
                         *CLANG_WARNINGS, "-fsyntax-only", *flags, path)
        return [Finding(match[1], int(match[2]), match[3]) for match in re.finditer(
            r"^([^:\n]+):(\d+):\d+: (?:fatal )?(?:warning|error): (.*)", text, re.M)]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for findings in pool.map(look, files):
            yield from findings


def first_line(tree, path):
    with open(tree.root / path, "rb") as file:
        return file.readline(80).decode(errors="replace")

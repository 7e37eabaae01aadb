"""The man pages say what the programs say: options, commands, settings, exit statuses, error codes;
what they refer to is there, and they become roff without a warning."""
import re
import subprocess
import tempfile

import docs
from sources import Finding, Skip, has, output

FOLDER = "docs/man/"
CLI, WORKER, BROKER, FILES = (FOLDER + page for page in (
    "muster.1.md", "muster-worker.1.md", "musterd.8.md", "muster.yaml.5.md"))
COMMANDS = "client/cli/commands.def"
SETTINGS = "broker/run/config.def"
WORKER_SETTINGS = "worker/settings.c"
ERRORS = "proto/base/err.def"
MAKER, RULES = FOLDER + "roff.py", FOLDER + "CMakeLists.txt"
GLOBAL = "Global options"
HELP_WIDTH = 100


class Page:
    """What stands where in a page: tables and headings."""

    def __init__(self, tree, path):
        self.path = path
        self.text = tree.text(path)
        self.lines = self.text.splitlines()
        self.rows = [(line, heading, list(cells.values()))
                     for line, heading, cells in docs.table_rows(tree, path)]
        self.headings = [(number, line.lstrip("# ")) for number, line in enumerate(self.lines, 1)
                         if line.startswith("#")]

    def options(self, *headings):
        """{--name: (line, argument or None)} of the tables below these headings; all if none."""
        found = {}
        for line, heading, cells in self.rows:
            if headings and heading not in headings:
                continue
            for option in cells[0].split(", "):
                match = re.fullmatch(r"(--?[a-z?-]+)(?:[= ](.+))?", option)
                if match and match[1].startswith("--"):
                    found[match[1]] = line, match[2]
        return found

    def terms(self, heading):
        """{first cell: (line, second cell)} of the table below a heading."""
        return {cells[0]: (line, cells[1]) for line, at, cells in self.rows if at == heading}


def say(program, *words):
    done = subprocess.run([program, *words, "--help"], capture_output=True, text=True, timeout=10)
    return done.stdout


def options_of(text):
    """{--name: argument or None} of a --help."""
    return {name: argument or None for name, argument in re.findall(
        r"^ {2,6}(?:-\S, )?(--[a-z][a-z-]*)(?:[= ](\S+))?(?: {2}|$)", text, re.M)}


def compare(page, line, what, theirs, ours):
    """The page's options against those of --help."""
    for name, argument in theirs.items():
        if name not in ours:
            yield Finding(page.path, line, f"{what} has {name} {argument or ''}".rstrip() +
                          ", which its --help tells and this page does not")
        elif ours[name][1] != argument:
            yield Finding(page.path, ours[name][0], f"{what} --help says {name} "
                          f"{argument or 'without a value'}, not {ours[name][1]}")
    for name in ours.keys() - theirs.keys():
        yield Finding(page.path, ours[name][0], f"{what} --help names no {name}")


def wide_lines(table, what, text):
    for line in text.splitlines():
        if len(line) > HELP_WIDTH:
            yield Finding(table, 1, f"{what} --help has a line of more than {HELP_WIDTH} columns: "
                                    f"{line.strip()[:40]}...")


def exit_statuses(page, what, text):
    """Those that --help lists stand in the page, and the reverse."""
    told = set(re.findall(r"\b(\d) \w", text.partition("Exit status: ")[2]))
    for number, (line, _) in page.terms("Exit status").items():
        if number not in told:
            yield Finding(page.path, line, f"{what} --help tells no exit status {number}")
    for number in told - page.terms("Exit status").keys():
        yield Finding(page.path, 1, f"lacks the exit status {number} of {what} --help")


# ---- the programs ----

def commands(tree, page, program):
    """Each row of commands.def is a heading with its usage and a table with its options."""
    known = {}
    top = say(program)
    general = options_of(top)
    yield from compare(page, 1, "muster", general, page.options(GLOBAL))
    yield from wide_lines(COMMANDS, "muster", top)
    for line, _, (_, name, usage, *_) in docs.rows(tree, COMMANDS, "COMMAND"):
        heads = [(number, text) for number, text in page.headings
                 if re.match(rf"muster {name}(?= [^a-z]|$)", text)]
        known[name] = heads
        text = say(program, *name.split())
        if not heads:
            yield Finding(COMMANDS, line, f"{page.path} has no `### muster {name} {usage}`".strip())
            continue
        written = " | ".join(head.removeprefix(f"muster {name}").strip() for _, head in heads)
        if written != usage:
            yield Finding(page.path, heads[0][0], f"muster {name}: the usage is \"{usage}\" in "
                                                  f"{COMMANDS}, here \"{written}\"")
        own = {key: value for key, value in options_of(text).items() if key not in general}
        yield from compare(page, heads[0][0], f"muster {name}", own,
                           page.options(*(head for _, head in heads)))
        yield from wide_lines(COMMANDS, f"muster {name}", text)
    named = {number for heads in known.values() for number, _ in heads}
    for number, text in page.headings:
        if text.startswith("muster ") and number not in named:
            yield Finding(page.path, number, f"{COMMANDS} has no such command: {text}")
    yield from exit_statuses(page, "muster", top)


def one_program(page, program, table):
    text = say(program)
    yield from compare(page, 1, program.name, options_of(text), page.options())
    yield from wide_lines(table, program.name, text)
    yield from exit_statuses(page, program.name, text)


# ---- settings and errors ----

def broker_settings(tree, files, broker):
    """muster.yaml(5) has key, type, default and meaning of each; musterd(8) flag and default."""
    flags = {cells[0].split()[0]: (line, cells[1]) for line, _, cells in broker.rows
             if cells[0].startswith("--") and len(cells) == 3}
    section = "The broker's file"
    keys = {cells[0]: (line, cells[2], cells[1]) for line, heading, cells in files.rows
            if heading == section}
    meanings = first_table(files, "Meaning", section)
    settings = {}
    for line, _, args in docs.rows(tree, SETTINGS, "SETTING"):
        key, kind, default = args[1], args[2], docs.plain(args[3] or args[6])
        settings[key] = default
        for page, found in ((files, keys.get(key)), (broker, flags.get(f"--{key}"))):
            if not found:
                yield Finding(SETTINGS, line, f"{page.path} lacks {key} in its table of settings")
            elif found[1] != default:
                yield Finding(page.path, found[0],
                              f"the default of {key} is {default}, not {found[1]}")
        if key in keys and keys[key][2] != kind:
            yield Finding(files.path, keys[key][0], f"{key} is of type {kind}")
        if key not in meanings:
            yield Finding(SETTINGS, line, f"{files.path} does not say what {key} means")
    for key in (keys.keys() | meanings) - settings.keys():
        yield Finding(files.path, keys.get(key, (1,))[0], f"musterd has no key {key} ({SETTINGS})")


def first_table(page, heading, after):
    """First cells of the tables below the first such heading after another one."""
    start = next((number for number, text in page.headings if text == after), 0)
    begin = next((number for number, text in page.headings
                  if text == heading and number > start), 0)
    end = next((number for number, _ in page.headings if number > begin), len(page.lines) + 1)
    return {cells[0] for line, _, cells in page.rows if begin < line < end}


def worker_settings(tree, files):
    table = re.search(r"setting_rows\[\] = \{(.*?)\};", tree.text(WORKER_SETTINGS), re.S)
    known = set(re.findall(r'\{"([a-z-]+)"', table[1])) if table else set()
    section = "The worker's file"
    keys = {cells[0] for _, heading, cells in files.rows if heading == section}
    meanings = first_table(files, "Meaning", section)
    for key in known - (keys & meanings):
        yield Finding(files.path, 1, f"lacks the worker's key {key} ({WORKER_SETTINGS}): "
                                     "its type and default, and its meaning")
    for key in (keys | meanings) - known:
        yield Finding(files.path, 1, f"muster-worker has no key {key} ({WORKER_SETTINGS})")


def errors(tree, page):
    told = page.terms("Error codes")
    known = {args[2]: (line, docs.plain(args[3]))
             for line, _, args in docs.rows(tree, ERRORS, "ERR")}
    for code, (line, text) in known.items():
        if told.get(code, (0, None))[1] != text:
            yield Finding(ERRORS, line, f"{page.path} lacks `| `{code}` | {text} |` below "
                                        "`## Error codes`")
    for code in told.keys() - known.keys():
        yield Finding(page.path, told[code][0], f"{ERRORS} has no code {code}")


# ---- the check ----

def pages_of(tree):
    """{NAME.SECTION: (source, title and others to see, or None)}"""
    found = {path[len(FOLDER):-len(".md")]: (path, None) for path in tree.files
             if re.fullmatch(FOLDER + r"[a-z.-]+\.[1-9]\.md", path)}
    for source, name, about, also in re.findall(
            r'^man_page\(\$\{PROJECT_SOURCE_DIR\}/(\S+) (\S+)\s+"([^"]*)"\s+"([^"]*)"\)',
            tree.text(RULES), re.M):
        found[name] = source, (f"{name[:-2]}({name[-1]}): {about}", also)
    return found


def contents(tree):
    gone = docs.missing(tree, CLI, WORKER, BROKER, FILES, COMMANDS, SETTINGS, WORKER_SETTINGS,
                        ERRORS, RULES)
    if gone:
        yield from gone
        return
    programs = [tree.build / "bin" / name for name in ("muster", "muster-worker", "musterd")]
    for program in programs:
        if not program.exists():
            yield Finding(CLI, 1, f"{program} is not built: ./run build")
            return
    cli, worker, broker, files = (Page(tree, path) for path in (CLI, WORKER, BROKER, FILES))
    yield from commands(tree, cli, programs[0])
    yield from one_program(worker, programs[1], "worker/options.c")
    yield from one_program(broker, programs[2], SETTINGS)
    yield from broker_settings(tree, files, broker)
    yield from worker_settings(tree, files)
    yield from errors(tree, cli)
    yield from references(tree)
    for page in (cli, worker, broker, files):
        yield from twice(page)


def twice(page):
    """A term stands once below a heading."""
    seen = set()
    for line, heading, cells in page.rows:
        if (heading, cells[0]) in seen:
            yield Finding(page.path, line, f"{cells[0]} stands twice below {heading}")
        seen.add((heading, cells[0]))


def references(tree):
    """Pages of ours that are named exist; each page ends with others to see, and names itself."""
    pages = pages_of(tree)
    for name, (path, title) in pages.items():
        page = Page(tree, path)
        for number, line in enumerate(page.lines + list(title or ()), 1):
            for other, section in re.findall(r"\b((?:lib)?muster[a-z.-]*)\((\d)\)", line):
                if f"{other}.{section}" not in pages:
                    yield Finding(path, number, f"there is no page {other}({section})")
            for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", line):
                if not (tree.root / path).parent.joinpath(target).exists():
                    yield Finding(path, number, f"there is no {target}")
        if title:
            continue
        if page.lines[0] != f"# {name[:-2]}({name[-1]})":
            yield Finding(path, 1, f"must begin with `# {name[:-2]}({name[-1]})`")
        if [text for number, text in page.headings if page.lines[number - 1].startswith("## ")
                ][-1:] != ["See also"]:
            yield Finding(path, len(page.lines), "the last section is `## See also`")


def roff(tree):
    """lowdown and mandoc have nothing to say of the pages."""
    if not has("lowdown"):
        raise Skip("lowdown is not installed")
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, title) in pages_of(tree).items():
            made = f"{folder}/{name}"
            extra = ["--title", title[0], "--also", title[1]] if title else []
            status, text = output("/usr/bin/env", "python3", "-B", MAKER, *extra, path, made)
            if "recognized option" in text or "unknown option" in text:
                raise Skip(f"this lowdown has other options: {text.strip()}")
            if status or text:
                yield Finding(path, 1, text.strip() or f"{MAKER} ends with {status}")
            elif has("mandoc"):
                for line in output("mandoc", "-Tlint", "-Wwarning", made)[1].splitlines():
                    yield Finding(path, 1, line.replace(folder + "/", ""))

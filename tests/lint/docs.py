"""Documentation and the .def tables say the same: what one names, the other names as well.

A file that is missing is a fault, not a reason to look away.
"""
import re
import subprocess

from sources import Finding

PROTOCOL = "proto/PROTOCOL.md"
OPERATIONS = "docs/operations.md"

# Other tables whose names people look up: (table, macro, position of the name, page).
NAMED = (
    ("proto/base/err.def", "ERR", 2, PROTOCOL),
    ("proto/base/topic.def", "TOPIC", 1, PROTOCOL),
)


def rows(tree, path, *macros):
    """(line, macro, arguments) of each use of these macros in a .def file; strings are unquoted."""
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), tree.text(path), flags=re.S)
    for match in re.finditer(rf"^\s*({'|'.join(macros)})\((.*)\)\s*$", text, re.M):
        arguments = re.findall(r'\s*((?:"(?:\\.|[^"\\])*"\s*)+|[^,"]+)\s*(?:,|$)', match[2])
        yield text.count("\n", 0, match.start(1)) + 1, match[1], [unquote(a) for a in arguments]


def unquote(argument):
    argument = argument.strip()
    if argument.startswith('"'):
        pieces = re.findall(r'"((?:\\.|[^"\\])*)"', argument)
        return "".join(pieces).replace('\\"', '"').replace("\\\\", "\\")
    return argument


def plain(cell):
    return re.sub(r"[`*]", "", cell.replace("\\|", "|")).strip()


def table_rows(tree, path):
    """(line, heading above, {column: cell}) of each row of each table of a page."""
    heading, columns = "", None
    for number, line in enumerate(tree.text(path).splitlines(), 1):
        if line.startswith("#"):
            heading, columns = line.lstrip("# ").strip(), None
        elif line.lstrip().startswith("|"):
            cells = [plain(cell) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if columns is None:
                columns = [cell.lower() for cell in cells]
            elif not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                yield number, heading, dict(zip(columns, cells))
        else:
            columns = None


def missing(tree, *paths):
    return [Finding(path, 1, "is missing: the check compares it with the tables")
            for path in paths if path not in tree.files]


def number(text):
    """What a limit means, in C or in a page: UINT32_MAX, 2^32-1, 0xffff, 262,144, 64 KiB."""
    text = plain(text).replace("−", "-").replace(",", "").replace("_MAX", "")
    power = re.match(r"(?:U?INT|2\^)(\d+)(?:\s*-\s*1)?", text)
    if power:
        return 2 ** int(power[1]) - 1
    digits = re.match(r"(0x[0-9a-fA-F]+|\d+)\s*(KiB|MiB)?", text)
    if not digits:
        return text
    return int(digits[1], 0) * {None: 1, "KiB": 1024, "MiB": 1024 ** 2}[digits[2]]


# ---- messages.def and the protocol's page ----

def messages_of_table(tree, path):
    """name -> (line, type or None, {field: (line, key, kind, need, limit)})"""
    found, symbols = {}, {}
    for line, macro, args in rows(tree, path, "MESSAGE", "NESTED", "FIELD"):
        if macro == "FIELD":
            message, key, kind, field, need, limit = args[:6]
            found[symbols[message]][2][field] = (line, int(key), kind, need, number(limit))
        else:
            symbols[args[-1]] = args[0]
            found[args[0]] = (line, int(args[1]) if macro == "MESSAGE" else None, {})
    return found


def messages_of_page(tree, path):
    found = {}
    for line, text in enumerate(tree.text(path).splitlines(), 1):
        match = re.fullmatch(r"###+ `?([A-Z_]+)`?(?: \((?:type )?(\d+)\))?.*", text)
        if match:
            found[match[1]] = (line, int(match[2]) if match[2] else None, {})
    for line, heading, cells in table_rows(tree, path):
        name = re.match(r"`?([A-Z_]+)`?", heading)
        if name and name[1] in found and {"key", "field"} <= cells.keys():
            field = cells["field"]
            found[name[1]][2][field] = (
                line, number(cells["key"]), cells.get("type"), cells.get("need", "").upper(),
                number(cells.get("limit", "")))
    return found


def messages(tree):
    table = "proto/messages.def"
    gone = missing(tree, table, PROTOCOL)
    if gone:
        yield from gone
        return
    ours, theirs = messages_of_table(tree, table), messages_of_page(tree, PROTOCOL)
    for name, (line, kind, fields) in ours.items():
        if name not in theirs:
            what = f"### {name} ({kind})" if kind else f"### {name}"
            yield Finding(table, line, f"{name} has no section in {PROTOCOL}: add `{what}`")
            continue
        page_line, page_kind, page_fields = theirs[name]
        if kind != page_kind:
            yield Finding(PROTOCOL, page_line,
                          f"{name} has type {kind} in {table}, here {page_kind}")
        yield from compare_fields(name, table, fields, page_line, page_fields)
    for name in theirs.keys() - ours.keys():
        if theirs[name][2]:
            yield Finding(PROTOCOL, theirs[name][0], f"{name} is no message of {table}")


def compare_fields(message, table, ours, page_line, theirs):
    for field, (line, *values) in ours.items():
        if field not in theirs:
            yield Finding(PROTOCOL, page_line,
                          f"{message} lacks its field {field} ({table}:{line})")
            continue
        for what, mine, other in zip(("key", "type", "need", "limit"), values, theirs[field][1:]):
            if mine != other:
                yield Finding(PROTOCOL, theirs[field][0], f"{message}.{field}: {what} is "
                              f"{other} here, {mine} in {table}:{line}")
    for field in theirs.keys() - ours.keys():
        yield Finding(PROTOCOL, theirs[field][0], f"{message} has no field {field} in {table}")


# ---- the broker's settings ----

def configuration(tree):
    table = "broker/run/config.def"
    gone = missing(tree, table, OPERATIONS)
    if gone:
        yield from gone
        return
    # SETTING(field, key, kind, default, least, most, the default in words, meaning)
    keys = {args[1]: (line, args[3] or args[6]) for line, _, args in rows(tree, table, "SETTING")}
    if not keys:
        yield Finding(table, 1, "has no row SETTING(...)")
    page = {cells["key"]: (line, cells.get("default", "")) for line, _, cells
            in table_rows(tree, OPERATIONS) if "key" in cells}
    for key, (line, default) in keys.items():
        if key not in page:
            yield Finding(table, line, f"{key} is in no table of {OPERATIONS} with a column `key`")
        elif plain(default) not in page[key][1]:
            yield Finding(OPERATIONS, page[key][0], f"the default of {key} is {default}, "
                                                    f"here: {page[key][1]}")
    for key in page.keys() - keys.keys():
        yield Finding(OPERATIONS, page[key][0], f"musterd has no key {key} ({table})")
    yield from compare_help(tree, table, keys)


def compare_help(tree, table, keys):
    program = tree.build / "bin/musterd"
    if not program.exists():
        yield Finding(table, 1, f"{program} is not built, so its --help cannot be compared: "
                                "./run build")
        return
    text = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=10).stdout
    flags = set(re.findall(r"--([a-z][a-z-]+)", text))
    for key, (line, _) in keys.items():
        if key not in flags:
            yield Finding(table, line, f"musterd --help does not name --{key}")


# ---- names that people look up ----

def names(tree):
    for table, macro, position, page in NAMED:
        gone = missing(tree, table, page)
        yield from gone
        if gone:
            continue
        found = list(rows(tree, table, macro))
        if not found:
            yield Finding(table, 1, f"has no row {macro}(...)")
        for line, _, args in found:
            if not re.search(rf"`{re.escape(args[position])}[`.]", tree.text(page)):
                yield Finding(table, line, f"{page} does not name `{args[position]}`")

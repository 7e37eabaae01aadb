#!/usr/bin/env python3
"""Turns one of our Markdown pages into a man page: lowdown does the work, this mends the rest.

usage: roff.py [--title 'NAME(SECTION): what it is' --also PAGES] [--date YYYY-MM-DD]
               [--release TEXT] PAGE.md OUT

A page begins with `# NAME(SECTION)`; its sections are `## Name`, `## Synopsis` and so on. With
--title the page is made from a document of another form: what follows its first heading becomes
the description, and --also stands at the end.

Tables of two columns become lists of terms, as man pages have them, unless the second has a heading
and all is short; wider ones keep their columns. What was in backticks is bold.
"""
import argparse
import datetime
import pathlib
import re
import subprocess
import sys

# A table has this many columns of a terminal with 80; text that is longer than LINES is broken, by
# the first of these limits that leaves room enough.
ROOM, GAP, MARGIN, LINES = 72, 2, 6, (26, 20, 16)
OPTIONS = ("--out-no-smarty", "--parse-no-intraemph", "--parse-no-metadata", "--parse-no-super",
           "--nroff-no-groff", "--nroff-nolinks", "-m", "shiftheadinglevelby=-1")


def fail(what):
    sys.exit(f"roff.py: {what}")


# ---- Markdown ----

def page_of(text, title, also):
    """(name, section, Markdown without its first heading)"""
    head, _, body = text.partition("\n")
    match = re.fullmatch(r"([a-z.-]+)\((\d)\)(?:: (.+))?", title or head.removeprefix("# "))
    if not match:
        fail(f"the page begins with \"{head}\" instead of `# NAME(SECTION)`")
    if title:
        body = (f"## Name\n\n{match[1]} - {match[3]}\n\n## Description\n{body}\n"
                f"## See also\n\n{also}\n")
    # Comments, and the list of links that stands at the top of a long page, are for the web.
    body = re.sub(r"^(?:<!--.*?-->|Contents:(?:.+\n)+)\n", "", body, flags=re.M)
    return match[1], match[2], body


# ---- tables ----

def width(cell):
    """Columns that an inline text takes."""
    return len(re.sub(r"\\\(..|\\\[.*?\]", "x", re.sub(r"\\f(?:\(..|.)|\\&", "", cell)))


def cells_of(block):
    """Rows of cells of what stands between .TS and .TE."""
    rows = re.findall(r"^T\{\n(.*?)^T\}$", block.replace("T}|T{\n", "\n|\n"), re.M | re.S)
    return [[" ".join(cell.split()) for cell in re.split(r"^\|$", row, flags=re.M)] for row in rows]


def terms(rows):
    for term, meaning in rows[1:]:
        yield f".TP\n{term}\n{meaning or chr(92) + '&'}"
    yield ".PP"


def shares(rows):
    """For each column of a table its width if it has to be broken, else None; and by how much the
    table begins left of the text."""
    widths = [max(map(width, column)) for column in zip(*rows)]
    words = [max(width(word) for cell in column for word in cell.split() or [""])
             for column in zip(*rows)]
    for line in LINES:
        long = [w > line for w in widths]
        left = ROOM - GAP * (len(widths) - 1) - sum(w for w in widths if w <= line)
        if left >= 18 * sum(long):
            break
    out = 0 if left >= 18 * sum(long) else MARGIN
    weights = [sum(map(width, column)) ** 0.5 for column in zip(*rows)]
    total = sum(weight for weight, is_long in zip(weights, long) if is_long)
    return [max(word, min(w, int((left + out) * weight / total))) if is_long else None
            for w, word, weight, is_long in zip(widths, words, weights, long)], out


def columns(rows):
    """The table with a format of our own: what is short as it is, the widest takes what is left."""
    broken, out = shares(rows) if len(rows[0]) > 2 else ([None, None], 0)
    widest = max(range(len(broken)), key=lambda i: broken[i] or 0)
    formats = ["l" if w is None else "lx" if i == widest else f"lw({w}n)"
               for i, w in enumerate(broken)]
    formats[:-1] = [f"{one}{GAP}" for one in formats[:-1]]
    yield ".PP\n.nh" + (f"\n.in -{out}n" if out else "")
    yield ".TS\nnokeep tab(|);"
    yield " ".join(f.replace("l", "lb", 1) for f in formats)
    yield " ".join(formats) + "."
    for row in rows:
        yield "|".join(f"T{{\n{cell}\nT}}" if cell and (w or "|" in cell) else cell
                       for cell, w in zip(row, broken))
    yield ".TE" + (f"\n.in +{out}n" if out else "") + "\n.nh\n.PP"


def fits(rows):
    """Whether each row stands in one line."""
    return sum(max(map(width, column)) + GAP for column in zip(*rows)) - GAP <= ROOM


def table(match):
    rows = cells_of(match[0])
    if len(rows[0]) == 2 and not (all(rows[0]) and fits(rows)):
        return "\n".join(terms(rows))
    return "\n".join(columns(rows))


# ---- roff ----

def literal(text):
    """Dashes and quotes as they are typed, for who copies them."""
    return re.sub(r"(?<!\\)-", r"\\-", text)


def example(match):
    """Set off from the text, if its lines have room for that."""
    lines = f".EX\n{literal(match[1])}.EE"
    return lines if max(map(width, lines.split("\n"))) > ROOM - 4 else f".RS 4\n{lines}\n.RE"


def mend(roff):
    roff = re.sub(r"^\.TS\n.*?^\.TE$", table, roff, flags=re.M | re.S)
    roff = re.sub(r"\\f(?:C|\(CW|\(CR)(.*?)\\fR", lambda m: rf"\fB{literal(m[1])}\fR", roff,
                  flags=re.S)
    roff = re.sub(r"^\.nf\n\.ft CR?\n(.*?)^\.ft\n\.fi$", example, roff, flags=re.M | re.S)
    roff = re.sub(r"^\.SH\n?(.*)", lambda m: ".SH " + m[1].lstrip().upper(), roff, flags=re.M)
    roff = re.sub(r"\b(muster)-([a-z]+\(\d\))", r"\1\\-\2", roff)
    # Lines ragged and words whole: much of it is names.
    roff = re.sub(r"^(\.TH .*\n)", r"\1.ad l\n.nr HY 0\n.nh\n", roff, count=1, flags=re.M)
    roff = re.sub(r"^\.SS\n", ".SS ", roff, flags=re.M)
    roff = re.sub(r"^(?:\.[LP]P\n)+(?=\.(?:S[HS]|[LP]P|TP|IP)|\Z)", "", roff, flags=re.M)
    return re.sub(r"^(\.S[HS] .*\n)(?:\.[LP]P\n)+", r"\1", roff, flags=re.M)


def main():
    parser = argparse.ArgumentParser(prog="roff.py")
    parser.add_argument("--title")
    parser.add_argument("--also", default="")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--release", default="muster")
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    name, section, body = page_of(arguments.page.read_text(), arguments.title,
                                  arguments.also)
    about = {"title": name, "section": section, "source": arguments.release,
             "date": arguments.date}
    told = [word for key, value in about.items() for word in ("-m", f"{key}={value}")]
    done = subprocess.run(["lowdown", "-sTman", *OPTIONS, *told], input=body,
                          capture_output=True, text=True)
    if done.returncode or done.stderr:
        fail(f"{arguments.page}: lowdown: {done.stderr or done.returncode}")
    arguments.out.write_text(mend(done.stdout))


if __name__ == "__main__":
    main()

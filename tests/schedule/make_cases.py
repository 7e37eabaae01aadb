#!/usr/bin/python3
"""Makes cases.tsv and zones.zi, the table of next and previous times that test_cases.py runs.

It is run by hand, when what schedules mean changes or another library is to be asked. Needed:
    apt-get install python3-croniter systemd nodejs npm default-jdk-headless libslf4j-java
    apt-get install libquartz2-java        (or its jar from the package, without installing)
    npm install --prefix DIR cron-parser@5.10.5 croner@11.0.1 cronosjs@1.7.1
    tests/schedule/make_cases.py --node-modules DIR/node_modules [--quartz JAR] [--report FILE]
With --ask EXPRESSION ZONE FROM it only prints what each library and the reference say.

Where an expectation comes from, and who agrees:
- The libraries compute each case without time zone first (column `civil`: those whose times are the
  same as the reference's). A case that none of them confirms is thrown out, and the run fails.
- Where those times are in UTC is computed by reference.py from the rule in docs/scheduler.md, with
  Python's zoneinfo; no library has just this rule. Column `zoned`: those that give the very same
  instants when they are asked with the time zone. docs/scheduler-differences.md has the others.
Zones are compiled from zones.zi, an extract of Debian's tzdata.zi, so that the table stays true
when a government changes its mind.
"""
import argparse
import collections
import datetime
import pathlib
import random
import subprocess
import sys
import tempfile
import zoneinfo

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import features
import libraries
import reference

SEED = 20260329
COUNT = 5
CIVIL_COUNT = 8
TZDATA = pathlib.Path("/usr/share/zoneinfo/tzdata.zi")
UTC = datetime.timezone.utc


def text_of(utc):
    return datetime.datetime.fromtimestamp(utc, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_of(text):
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return int(moment.replace(tzinfo=UTC).timestamp())


def extract_zones(names):
    """The lines of tzdata.zi that these zones need: rules, zones with their later lines, links."""
    lines = TZDATA.read_text().splitlines()
    links = {line.split()[2]: line.split()[1] for line in lines if line.startswith("L ")}
    zones = {links.get(name, name) for name in names}
    kept, rules, inside = [], set(), False
    for line in lines:
        words = line.split()
        if words[0] == "Z":
            inside = words[1] in zones
            words = words[2:]
        elif words[0] in "RL#":
            inside = False
        if inside:
            kept.append(line)
            rules.add(words[1])
    kept = [line for line in lines if line.startswith("R ") and line.split()[1] in rules] + kept
    kept += [f"L {links[name]} {name}" for name in sorted(names) if name in links]
    return "\n".join([lines[0] + " (extract)", "# This zic input file is in the public domain.",
                      *kept, ""])


class Case:
    def __init__(self, expression, zone, start, previous):
        self.expression, self.zone, self.start, self.previous = expression, zone, start, previous
        self.times = reference.times(expression, zone, start, COUNT, previous)
        parsed = reference.Expression(expression)
        self.wildcard = parsed.wildcard
        local = start + reference.Zone(zone).offset(start)
        sign = -1 if previous else 1
        self.civil = []
        for civil in parsed.civil(local, sign):
            if sign * (civil - local) > 0:
                self.civil.append(civil)
            if len(self.civil) == CIVIL_COUNT:
                break
        self.asked_civil = libraries.Question(expression, "UTC", local, CIVIL_COUNT, previous,
                                              self.wildcard)
        self.asked_zoned = libraries.Question(expression, zone, start, COUNT, previous,
                                              self.wildcard)
        self.confirmed = {"civil": [], "zoned": [], "forward": [], "differ": []}

    def ask_forward(self):
        """For a library without previous: the same civil times the other way round."""
        return libraries.Question(self.expression, "UTC", self.civil[-1] - 1, len(self.civil),
                                  False, self.wildcard)

    def ask_zoned_forward(self):
        return libraries.Question(self.expression, self.zone, self.times[-1][0] - 1,
                                  len(self.times), False, self.wildcard)

    def key(self):
        return self.expression, self.zone, self.start, self.previous

    def line(self):
        times = " ".join(text_of(utc) + (f"/{mark}" if mark else "") for utc, mark in self.times)
        return "\t".join([self.expression, self.zone, text_of(self.start),
                          "previous" if self.previous else "next", times,
                          ",".join(self.confirmed["civil"]), ",".join(self.confirmed["zoned"])])

    def kind(self):
        """What of the DST rule a case shows, for the report."""
        marks = {mark for _, mark in self.times}
        ends = [utc for utc, _ in self.times] + [self.start]
        changes = [change for change in reference.Zone(self.zone).changes
                   if min(ends) - 86400 <= change[0] <= max(ends) + 86400]
        what = "away from any change"
        if "overlap" in marks:
            what = "in an overlap"
        elif "gap" in marks:
            what = "in a gap"
        elif any(change[2] - change[1] >= reference.LONG_GAP for change in changes):
            what = "near a gap of 3 h or more"
        elif any(change[0] > min(ends) - 3 * 3600 for change in changes):
            what = "near a change"
        return f"{'previous' if self.previous else 'next'}, " \
               f"{'wildcard' if self.wildcard else 'fixed'}, {what}"


def ask_all(questions, arguments):
    answers = libraries.ask_croniter(questions)
    answers.update(libraries.ask_npm(questions, arguments.node_modules,
                                     str(HERE / "libraries.mjs")))
    if arguments.quartz:
        classpath = ":".join([arguments.quartz, "/usr/share/java/slf4j-api.jar",
                              "/usr/share/java/slf4j-nop.jar"])
        answers.update(libraries.ask_quartz(questions, classpath, str(HERE / "Quartz.java")))
    answers.update(libraries.ask_systemd(questions))
    return answers


def confirm(cases, arguments, tally):
    """Fills in who agrees; tally[library][kind] = [agree, differ, refuse, example]."""
    answers = ask_all([case.asked_civil for case in cases], arguments)
    for name, given in answers.items():
        for case, times in zip(cases, given):
            if times and times[:len(case.civil)] == case.civil:
                case.confirmed["civil"].append(name)
            elif times is not None:
                case.confirmed["differ"].append((name, times))
    # Most have no previous; what comes next after the earliest of these times has to be the same.
    backward = [case for case in cases if case.previous and not case.confirmed["civil"]]
    answers = ask_all([case.ask_forward() for case in backward], arguments)
    for name, given in answers.items():
        for case, times in zip(backward, given):
            if times and times[::-1] == case.civil:
                case.confirmed["civil"].append(name)
    backward = [case for case in cases if case.previous]
    answers = ask_all([case.ask_zoned_forward() for case in backward], arguments)
    for name, given in answers.items():
        for case, times in zip(backward, given):
            if times and times[::-1] == [utc for utc, _ in case.times]:
                case.confirmed["forward"].append(name)
    answers = ask_all([case.asked_zoned for case in cases], arguments)
    for name, given in answers.items():
        for case, times in zip(cases, given):
            row = tally[name][case.kind()]
            if times is None:
                row[2] += 1
            elif times[:len(case.times)] == [utc for utc, _ in case.times]:
                row[0] += 1
                case.confirmed["zoned"].append(name)
            elif name in case.confirmed["civil"]:
                row[1] += 1
                row[3].append((case, times))
    for case in backward:
        case.confirmed["zoned"] = case.confirmed["zoned"] or case.confirmed["forward"]
    for name in answers:  # a library with options says nothing new when it says the same
        plain = name.split("/")[0]
        if plain != name:
            for case in cases:
                for agreed in (case.confirmed["civil"], case.confirmed["zoned"]):
                    if plain in agreed and name in agreed:
                        agreed.remove(name)


def report(cases, tally, file):
    for name, kinds in tally.items():
        print(f"\n== {name}", file=file)
        for kind, (agree, differ, refuse, examples) in sorted(kinds.items()):
            print(f"{kind}: {agree} the same, {differ} differ, {refuse} refused", file=file)
            for case, times in examples[:6]:
                print("   ", case.line().rsplit("\t", 2)[0].replace("\t", " | "),
                      "\n      it says:", " ".join(map(text_of, times)), file=file)
    print("\n== instants that no library has", file=file)
    for case in cases:
        if not case.confirmed["zoned"]:
            print(case.kind(), "|", case.line().replace("\t", " | "), file=file)
    print("\n== civil times that differ", file=file)
    seen = collections.Counter()
    for case in cases:
        for name, times in case.confirmed["differ"]:
            seen[name, case.expression] += 1
            if seen[name, case.expression] == 1:
                print(f"{name} | {case.expression} | {text_of(case.asked_civil.start)} | "
                      f"{'previous' if case.previous else 'next'}\n  ours:",
                      *map(text_of, case.civil[:5]), "\n  its: ", *map(text_of, times[:5]),
                      file=file)


def versions(arguments):
    debian = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ",
                             "python3-croniter", "systemd"], text=True, capture_output=True).stdout
    return f"{debian}cron-parser 5.10.5, croner 11.0.1, cronosjs 1.7.1" \
           f"{', Quartz 2.3.2' if arguments.quartz else ''}; {TZDATA.open().readline()[2:].strip()}"


def ask(arguments):
    expression, zone, start = arguments.ask
    try:
        wildcard = reference.Expression(expression).wildcard
        says = {"muster": [u for u, _ in reference.times(expression, zone, utc_of(start), COUNT)]}
    except reference.Refused as error:
        wildcard, says = False, {f"muster ({error})": None}
    question = libraries.Question(expression, zone, utc_of(start), COUNT, False, wildcard)
    says.update({name: given[0] for name, given in ask_all([question], arguments).items()})
    for name, times in says.items():
        print(f"{name:20}", "refuses" if times is None else " ".join(map(text_of, times)))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--node-modules", required=True)
    parser.add_argument("--quartz", help="the jar of Debian's libquartz2-java")
    parser.add_argument("--report", type=argparse.FileType("w"))
    parser.add_argument("--ask", nargs=3, metavar=("EXPRESSION", "ZONE", "FROM"))
    arguments = parser.parse_args()
    if arguments.ask:
        return ask(arguments)
    zones = extract_zones(features.ZONES)
    (HERE / "zones.zi").write_text(zones)
    with tempfile.TemporaryDirectory() as compiled:
        subprocess.run(["zic", "-b", "fat", "-d", compiled, str(HERE / "zones.zi")], check=True)
        zoneinfo.reset_tzpath([compiled])
        cases = {}
        for question in features.questions(random.Random(SEED)):
            if question[1] == "Asia/Gaza" and question[2] > utc_of("2037-01-01T00:00:00Z"):
                continue  # some versions of `zic -b slim` leave out changes of later years
            case = Case(*question)
            if case.times and all(0 <= utc for utc, _ in case.times):
                cases[case.key()] = case
        cases = list(cases.values())
        tally = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0, 0, []]))
        confirm(cases, arguments, tally)
    if arguments.report:
        report(cases, tally, arguments.report)
    alone = [case for case in cases if not case.confirmed["civil"]]
    with (HERE / "cases.tsv").open("w") as file:
        print("# expression, zone, from (exclusive), direction, times, libraries that have the "
              "same civil times, those that have the same instants", file=file)
        print(f"# Made by make_cases.py from seed {SEED}: {versions(arguments)}", file=file)
        for case in cases:
            if case.confirmed["civil"]:
                print(case.line(), file=file)
        for expression in features.REFUSED:
            print(expression, "", "", "refused", "", "", "", sep="\t", file=file)
    print(f"{len(cases) - len(alone)} cases, {len(features.REFUSED)} refusals; the instants of "
          f"{sum(not case.confirmed['zoned'] for case in cases)} are nobody else's")
    for case in alone:
        print("nobody confirms:", case.line())
    return 1 if alone else 0


if __name__ == "__main__":
    sys.exit(main())

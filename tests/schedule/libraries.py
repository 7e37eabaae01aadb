"""What other people's cron libraries say, for make_cases.py.

Each function takes questions and gives for each a list of UTC seconds, or None where the library
refuses or cannot: most have no previous.
"""
import datetime
import json
import os
import re
import subprocess
import zoneinfo

from croniter.croniter import croniter, CroniterError

from reference import MACROS, MONTHS, WEEKDAYS

UTC = datetime.timezone.utc


class Question:
    def __init__(self, expression, zone, start, count, previous, wildcard):
        self.expression, self.zone, self.start = expression, zone, start
        self.count, self.previous, self.wildcard = count, previous, wildcard

    def fields(self):
        """second, minute, hour, day, month, weekday; macros written out."""
        fields = MACROS.get(self.expression.lower(), self.expression).split()
        return fields if len(fields) == 6 else ["0"] + fields


def ask_croniter(questions):
    return {"croniter": [one_croniter(question) for question in questions]}


def one_croniter(question):
    # It has the seconds last, no "?", and "L5" for "5L".
    second, *fields = [re.sub(r"^\?$", "*", field) for field in question.fields()]
    fields[4] = re.sub(r"(?i)\b([0-7]|[a-z]{3})l\b",
                       lambda m: f"L{WEEKDAYS.get(m[1].lower(), m[1])}", fields[4])
    if second != "0":
        fields.append(second)
    zone = zoneinfo.ZoneInfo(question.zone)
    try:
        cron = croniter(" ".join(fields), datetime.datetime.fromtimestamp(question.start, zone),
                        max_years_between_matches=130)
        step = cron.get_prev if question.previous else cron.get_next
        return [int(step(datetime.datetime).timestamp()) for _ in range(question.count)]
    except (CroniterError, NameError, LookupError, ValueError, OverflowError):
        return None  # NameError: what 1.3.5 raises for some expressions that it cannot read


def ask_npm(questions, modules, script):
    lines = [json.dumps({"id": i, "expression": q.expression, "zone": q.zone, "from": q.start,
                         "count": q.count, "previous": q.previous, "wildcard": q.wildcard})
             for i, q in enumerate(questions)]
    done = subprocess.run(["node", script], input="\n".join(lines) + "\n", text=True, check=True,
                          capture_output=True, env={**os.environ, "NODE_MODULES": modules})
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: [answer[name] for answer in answers] for name in answers[0] if name != "id"}


def quartz_spellings(question):
    """Quartz counts Sunday as 1, and one of the two day fields has to be "?": if both are
    restricted, it is asked twice, and either one counts."""
    second, minute, hour, day, month, weekday = question.fields()
    if question.previous:
        return []
    head, *rest = re.split(r"([#/])", weekday, maxsplit=1)
    weekday_spelling = re.sub(r"\d", lambda m: str(int(m[0]) % 7 + 1), head) + "".join(rest)
    by_day, by_weekday = (day, "?"), ("?", weekday_spelling)
    if weekday in "*?":
        ways = [(day if day != "?" else "*", "?")]
    else:
        ways = [by_weekday] if day in "*?" else [by_day, by_weekday]
    return [" ".join([second, minute, hour, d, month, w]).upper() for d, w in ways]


def ask_quartz(questions, classpath, script):
    lines = []
    for i, question in enumerate(questions):
        for spelling in quartz_spellings(question):
            lines.append(f"{i}\t{question.zone}\t{question.start}\t{question.count}\t{spelling}\n")
    done = subprocess.run(["java", "-cp", classpath, script], input="".join(lines), text=True,
                          check=True, capture_output=True)
    found = {}
    for line in done.stdout.splitlines():
        i, _, times = line.partition("\t")
        found.setdefault(int(i), []).append(None if times == "-" else list(map(int, times.split())))
    answers = [None] * len(questions)
    for i, ways in found.items():
        if None not in ways:
            answers[i] = sorted({time for way in ways for time in way})[:questions[i].count]
    return {"quartz": answers}


def systemd_part(field, low, names):
    """A field in systemd's spelling, or None when it has none."""
    if field in "*?":
        return "*"
    items = []
    for item in field.lower().split(","):
        item = re.sub(r"[a-z]+", lambda m: str(names.get(m[0], "x")), item)
        item = re.sub(r"^\*/", f"{low}/", item).replace("-", "..")
        if not re.fullmatch(r"\d+(\.\.\d+)?(/\d+)?", item):
            return None
        items.append(item)
    return ",".join(items)


def systemd_spelling(question):
    second, minute, hour, day, month, weekday = question.fields()
    if question.previous or (day not in "*?" and weekday not in "*?"):
        return None
    last = re.fullmatch(r"L(?:-(\d+))?", day)
    date = f"~{int(last[1] or 0) + 1:02}" if last else f"-{systemd_part(day, 1, {})}"
    clock = [systemd_part(part, 0, {}) for part in (hour, minute, second)]
    parts = [systemd_part(month, 1, MONTHS), *clock]
    weekdays = ""
    if weekday not in "*?":
        names = {str(number): name for name, number in WEEKDAYS.items()}
        weekdays = re.sub(r"\d", lambda m: names[str(int(m[0]) % 7)], weekday.lower())
        weekdays = weekdays.replace("-", "..") + " "
        if re.search(r"[#/]|l\b", weekdays):
            return None
    if None in parts or "None" in date:
        return None
    return f"{weekdays}*-{parts[0]}{date} {':'.join(clock)} {question.zone}"


def ask_systemd(questions):
    return {"systemd": [one_systemd(question) for question in questions]}


def one_systemd(question):
    spelling = systemd_spelling(question)
    if spelling is None:
        return None
    base = datetime.datetime.fromtimestamp(question.start, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    done = subprocess.run(["systemd-analyze", "calendar", f"--iterations={question.count}",
                           f"--base-time={base}", spelling], text=True, capture_output=True,
                          env={**os.environ, "TZ": "UTC", "LC_ALL": "C"})
    if done.returncode:
        return None
    found = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", done.stdout)
    return [int(datetime.datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp())
            for time in found]

"""A slow and plain reference for schedules: which civil times an expression names, found by looking
at one day after another, and where they are in UTC by the DST rule of docs/scheduler.md.

It shares nothing with client/scheduler: the expressions are read and the days are matched in
another way, and zones come from Python's zoneinfo. Times are whole seconds: `utc` since
1970-01-01T00:00:00Z, `civil` the same count on a local clock, as if that were UTC.
"""
import bisect
import calendar
import datetime
import functools
import itertools
import zoneinfo

DAY = 86400
LONG_GAP = 3 * 3600
END = 7258118400  # 2200-01-01T00:00:00Z: nothing is computed beyond
MACROS = {"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
          "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
          "@hourly": "0 * * * *"}
MONTHS = {name.lower(): i for i, name in enumerate(calendar.month_abbr) if name}
WEEKDAYS = dict(zip(["sun", "mon", "tue", "wed", "thu", "fri", "sat"], range(7)))


class Refused(ValueError):
    """Not an expression, or one that never fires."""


def number(text, low, high, names):
    value = names.get(text.lower())
    if value is None:
        if not (text.isascii() and text.isdigit()):
            raise Refused(f"{text!r} is no number")
        value = int(text)
    if not low <= value <= high:
        raise Refused(f"{text!r} is outside {low}-{high}")
    return value


def values(item, low, high, names):
    """The numbers that one item of a list names."""
    what, slash, step = item.partition("/")
    step = number(step, 1, high, {}) if slash else 1
    if what == "*":
        return set(range(low, high + 1, step))
    first, dash, last = what.partition("-")
    first = number(first, low, high, names)
    if dash:
        # A week's last day by name is 7 there, as in "fri-sun".
        last = 7 if names is WEEKDAYS and last.lower() == "sun" and first else \
            number(last, low, high, names)
        if first > last:
            raise Refused(f"the range {what!r} goes backwards")
    else:
        last = high if slash else first
    return set(range(first, last + 1, step))


def plain(field, low, high, names):
    return set().union(*(values(item, low, high, names) for item in field.split(",")))


def nearest_weekday(day, last, first_weekday):
    """The weekday (Monday to Friday) nearest to `day` without leaving the month."""
    def weekday(d):
        return (first_weekday + d - 1) % 7  # Monday is 0
    return min((d for d in range(1, last + 1) if weekday(d) < 5), key=lambda d: abs(d - day))


def day_rule(item):
    """A function (day, last day, weekday of the 1st) -> bool for one item of day-of-month."""
    upper = item.upper()
    if upper == "L":
        return lambda day, last, _: day == last
    if upper == "LW":
        return lambda day, last, first: day == nearest_weekday(last, last, first)
    if upper.startswith("L-"):
        back = number(upper[2:], 0, 30, {})
        return lambda day, last, _: day == last - back
    if upper.endswith("W"):
        wanted = number(upper[:-1], 1, 31, {})
        return lambda day, last, first: (wanted <= last
                                         and day == nearest_weekday(wanted, last, first))
    named = values(item, 1, 31, {})
    return lambda day, last, _: day in named


def weekday_rule(item):
    """A function (weekday with Sunday 0, day, last day) -> bool for one item of day-of-week."""
    if "#" in item:
        name, _, which = item.partition("#")
        wanted, which = number(name, 0, 7, WEEKDAYS) % 7, number(which, 1, 5, {})
        return lambda weekday, day, _: weekday == wanted and (day + 6) // 7 == which
    if len(item) > 1 and item[-1] in "lL":
        wanted = number(item[:-1], 0, 7, WEEKDAYS) % 7
        return lambda weekday, day, last: weekday == wanted and day + 7 > last
    named = {value % 7 for value in values(item, 0, 7, WEEKDAYS)}
    return lambda weekday, day, _: weekday in named


class Expression:
    def __init__(self, text):
        if text.startswith("@"):
            if text.lower() not in MACROS:
                raise Refused(f"no macro {text}")
            text = MACROS[text.lower()]
        fields = text.split()
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) != 6:
            raise Refused("5 or 6 fields")
        second, minute, hour, day, month, weekday = self.fields = fields
        self.seconds = sorted(plain(second, 0, 59, {}))
        self.minutes = sorted(plain(minute, 0, 59, {}))
        self.hours = sorted(plain(hour, 0, 23, {}))
        self.months = plain(month, 1, 12, MONTHS)
        self.wildcard = minute.startswith("*") or hour.startswith("*")
        self.day_open, self.weekday_open = day in ("*", "?"), weekday in ("*", "?")
        self.days = [] if self.day_open else [day_rule(item) for item in day.split(",")]
        self.weekdays = [] if self.weekday_open else [weekday_rule(i) for i in weekday.split(",")]

    def matches(self, date):
        if date.month not in self.months:
            return False
        first, last = calendar.monthrange(date.year, date.month)
        by_day = any(rule(date.day, last, first) for rule in self.days)
        by_weekday = any(rule(date.isoweekday() % 7, date.day, last) for rule in self.weekdays)
        if self.day_open and self.weekday_open:
            return True
        return by_day or by_weekday

    def civil(self, start, step=1):
        """Civil seconds from the day of `start` on, in order; with step -1 backwards from it."""
        date = datetime.date(1970, 1, 1) + datetime.timedelta(days=start // DAY)
        times = [h * 3600 + m * 60 + s
                 for h, m, s in itertools.product(self.hours, self.minutes, self.seconds)][::step]
        while 1900 <= date.year < 2400:
            if self.matches(date):
                base = (date - datetime.date(1970, 1, 1)).days * DAY
                yield from (base + time for time in times)
            date += datetime.timedelta(days=step)


@functools.cache
def transitions(name):
    """[(utc, offset before, offset after)] of a zone from 1968 to 2200, asked of zoneinfo."""
    zone = zoneinfo.ZoneInfo(name)

    def offset(utc):
        return int(datetime.datetime.fromtimestamp(utc, zone).utcoffset().total_seconds())

    found, step, utc = [], 12 * 3600, -2 * 366 * DAY
    before = offset(utc)
    while utc < END:
        after = offset(utc + step)
        if after != before:
            low, high = utc, utc + step  # offset(low) == before, offset(high) == after
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            found.append((high, before, after))
            before = after
        utc += step
    if not found:
        found.append((utc, before, before))
    return found


class Zone:
    def __init__(self, name):
        self.changes = transitions(name)
        self.starts = [change[0] for change in self.changes]

    def offset(self, utc):
        i = bisect.bisect_right(self.starts, utc)
        return self.changes[i - 1][2] if i else self.changes[0][1]

    def near(self, civil):
        """The changes within 27 hours of a civil time: no clock is further from UTC."""
        return self.changes[bisect.bisect_left(self.starts, civil - 27 * 3600):
                            bisect.bisect_right(self.starts, civil + 27 * 3600)]

    def instants(self, civil):
        """All UTC seconds at which this zone's clock shows `civil`, in order."""
        offsets = {self.offset(civil)}
        for _, before, after in self.near(civil):
            offsets |= {before, after}
        return sorted(civil - o for o in offsets if self.offset(civil - o) == o)

    def gap(self, civil):
        """(first instant after the gap, its length) of a civil time that does not exist."""
        return next((utc, after - before) for utc, before, after in self.near(civil)
                    if utc + before <= civil < utc + after)

    def occurrences(self, expression, civil):
        """[(utc, mark)] to which a civil time of the expression leads."""
        found = self.instants(civil)
        if len(found) == 1:
            return [(found[0], "")]
        if found:
            return [(utc, "overlap") for utc in (found if expression.wildcard else found[:1])]
        if expression.wildcard:
            return []
        end, length = self.gap(civil)
        return [(end, "gap")] if length < LONG_GAP else []


def times(text, zone_name, start, count, previous=False):
    """Up to `count` pairs (utc, mark) after (before) `start`, exclusive; mark: "", gap, overlap."""
    expression, zone = Expression(text), Zone(zone_name)
    sign = -1 if previous else 1
    near = zone.near(start)
    spread = max([abs(after - before) for _, before, after in near], default=0)
    found, last = {}, None
    reach = start + zone.offset(start)
    for civil in expression.civil(reach - sign * 2 * DAY, sign):
        if sign * (civil - reach) < -spread:
            continue  # it cannot lead to the asked side of `start`
        if last is not None:
            # Later civil times cannot come before the last one found once they are further than any
            # change of the clock around it.
            around = [abs(after - before) for _, before, after in zone.near(last)]
            if sign * (civil - last - zone.offset(last)) > max(around, default=0):
                break
        if civil > END + 2 * DAY or civil < -2 * 365 * DAY:
            break
        for utc, mark in zone.occurrences(expression, civil):
            if sign * (utc - start) > 0 and utc < END:
                found[utc] = found.get(utc) or mark
                if len(found) >= count and (last is None or sign * (last - utc) > 0):
                    last = sorted(found, key=lambda utc: sign * utc)[count - 1]
    return [(utc, found[utc]) for utc in sorted(found, key=lambda utc: sign * utc)[:count]]

"""Which questions the table asks: every feature of an expression, month ends and leap years,
changes of the clock in every direction and size. Made for make_cases.py; nothing here knows the
answers."""
import datetime

import reference

# Both hemispheres; half hours, quarter hours, seconds; shifts of half an hour, 2 h and 3 h; changes
# at midnight; days that never were; countries that gave it up or move it each year.
ZONES = """UTC Africa/Accra Africa/Cairo Africa/Casablanca Africa/El_Aaiun Africa/Johannesburg
Africa/Lagos Africa/Monrovia Africa/Windhoek America/Anchorage America/Argentina/Buenos_Aires
America/Asuncion America/Bogota America/Caracas America/Chicago America/Denver America/Godthab
America/Guyana America/Halifax America/Havana America/Los_Angeles America/Mexico_City
America/New_York America/Noronha America/Phoenix America/Port-au-Prince America/Santiago
America/Sao_Paulo America/Scoresbysund America/St_Johns Antarctica/Casey Antarctica/Macquarie
Antarctica/Troll Antarctica/Vostok Asia/Amman Asia/Baghdad Asia/Beirut Asia/Dhaka Asia/Gaza
Asia/Hong_Kong Asia/Jerusalem Asia/Kathmandu Asia/Kolkata Asia/Pyongyang Asia/Seoul Asia/Shanghai
Asia/Singapore Asia/Tehran Asia/Tokyo Asia/Yangon Atlantic/Azores Australia/Adelaide
Australia/Brisbane Australia/Eucla Australia/Lord_Howe Australia/Sydney Europe/Berlin Europe/Dublin
Europe/Istanbul Europe/Lisbon Europe/London Europe/Moscow Europe/Paris Pacific/Apia Pacific/Auckland
Pacific/Chatham Pacific/Easter Pacific/Enderbury Pacific/Fiji Pacific/Honolulu Pacific/Kiritimati
Pacific/Kwajalein Pacific/Marquesas Pacific/Norfolk Pacific/Rarotonga Pacific/Tongatapu""".split()

# Changes that have to be in the table: a zone and a UTC day near the change.
SPECIAL = """Pacific/Apia 2011-12-30|Pacific/Kwajalein 1993-08-21|Pacific/Kiritimati 1994-12-31
Pacific/Enderbury 1994-12-31|Antarctica/Casey 2009-10-17|Antarctica/Casey 2010-03-04
Antarctica/Casey 2016-10-21|Antarctica/Casey 2018-03-10|Antarctica/Troll 2026-03-29
Antarctica/Troll 2026-10-25|Antarctica/Vostok 2023-12-17|Australia/Lord_Howe 1981-02-28
Australia/Lord_Howe 2026-10-03|Australia/Lord_Howe 2027-04-03|Africa/Casablanca 2026-02-15
Africa/Casablanca 2026-03-22|Africa/Casablanca 2086-05-11|Africa/El_Aaiun 2031-01-19
Asia/Kolkata 1970-01-02|Asia/Kathmandu 1985-12-31|Pacific/Chatham 2026-04-04
Pacific/Chatham 2026-09-26|America/St_Johns 1988-04-03|America/St_Johns 1988-10-30
America/St_Johns 2006-10-29|America/St_Johns 2026-03-08|Africa/Monrovia 1972-01-07
America/Caracas 2007-12-09|America/Caracas 2016-05-01|Asia/Pyongyang 2015-08-14
Asia/Pyongyang 2018-05-04|Asia/Singapore 1981-12-31|Australia/Sydney 2000-08-26
America/Sao_Paulo 2018-11-04|America/Havana 2026-03-08|America/Havana 2026-11-01
America/Santiago 2026-09-06|America/Asuncion 2024-03-24|Asia/Beirut 2026-03-28
Asia/Gaza 2026-03-28|Asia/Amman 2022-10-28|Africa/Cairo 2026-04-23|Africa/Cairo 2026-10-29
Europe/Dublin 2026-03-29|Europe/Dublin 1971-10-31|Europe/London 1972-03-19
Europe/Istanbul 2016-09-06|Europe/Moscow 2011-03-27|Europe/Moscow 2014-10-25
America/Scoresbysund 2024-03-31|America/Godthab 2023-03-26|Pacific/Fiji 2021-01-16
Pacific/Tongatapu 2017-01-14|Pacific/Easter 2026-04-05|Atlantic/Azores 1993-03-28
Asia/Tehran 2022-09-21|Asia/Seoul 1988-10-08|Africa/Windhoek 1994-03-20
America/Guyana 1975-08-01|Europe/Lisbon 1996-03-31|America/Anchorage 1983-10-30
Pacific/Norfolk 2015-10-03|Antarctica/Macquarie 2010-04-03|Asia/Hong_Kong 1973-12-29
Asia/Shanghai 1991-09-14|Asia/Dhaka 2009-06-19|Asia/Jerusalem 2026-03-27
Africa/Johannesburg 1970-01-02|Pacific/Rarotonga 1978-11-12|Europe/Berlin 2026-03-29
Europe/Berlin 2026-10-25|Europe/Berlin 2099-03-29|America/New_York 1974-01-06
America/New_York 2026-03-08|America/New_York 2026-11-01|America/New_York 2100-03-14"""

# Every feature of every field.
FEATURES = """* * * * *|0 * * * *|30 9 * * *|0 0 * * *|59 23 * * *|0,30 * * * *
5,10,15 3,4 * * *|10-20 6 * * *|10-50/7 * * * *|*/15 * * * *|*/7 * * * *|*/59 * * * *
7/13 * * * *|0/20 8 * * *|58-59,1-2,30 * * * *|0-59 12 * * *|1-9/3,20-40/10,55 5-6 * * *
0 */2 * * *|0 */5 * * *|0 */23 * * *|0 3/6 * * *|0 9-17 * * *|0 9-17/3 * * *|15 0,12 * * *
0 0-23 * * *|0 23/1 * * *|30 4-8,20-22/2,13 * * *|*/10 9-17 * * 1-5|0 0 1 * *|0 12 15 * *
0 0 31 * *|0 0 30 * *|0 0 29 * *|0 0 1,15 * *|0 0 10-20 * *|0 0 1-31/10 * *|0 0 */10 * *
0 0 */2 * *|0 0 5/7 * *|0 0 28-31 * *|0 0 1-7,15-21 * *|0 0 L * *|30 23 L * *|0 0 L-1 * *
0 0 L-3 * *|0 0 L-10 * *|0 0 L-27 * *|0 0 L-28 * *|0 0 L-30 * *|0 0 LW * *|0 0 1W * *
0 0 15W * *|0 0 28W * *|0 0 29W * *|0 0 30W * *|0 0 31W * *|0 0 2W * *|0 0 16W 5 *|0 0 1W JAN *
0 0 LW 2 *|0 0 L 2 *|0 0 L 4,6 *|0 0 1 1 *|0 0 1 */3 *|0 0 1 2-11/3 *|0 0 15 6,12 *|0 0 1 5/3 *
0 0 1 jan *|0 0 1 JAN,jul *|0 0 1 Mar-Oct *|0 0 1 feb-nov/4 *|0 0 29 2 *|0 0 29 feb *
0 12 31 12 *|0 0 31 */2 *|0 0 30 1-12/2 *|0 0 31 dec *|0 0 * 2 *|0 0 * 1-3 *|0 0 * apr,Sep *
0 0 28-29 2 *|*/30 * 29 2 *|0 0 * * 0|0 0 * * 7|0 0 * * 1|0 0 * * 6|0 0 * * 1-5|0 0 * * 0-6
0 0 * * 1-7|0 0 * * 0,6|0 0 * * 5-7|0 0 * * 0-7|0 0 * * 1-5/2|0 0 * * */2|0 0 * * */3
0 0 * * 2/2|0 0 * * 3/3|0 0 * * sun|0 0 * * MON|0 0 * * mon-fri|0 0 * * Tue,THU
0 0 * * wed-sat/2|0 0 * * sun-sat|0 0 * * sun-mon,sat|0 0 * * 0,7|0 0 * * fri-sun
0 0 * * SAT-SUN|0 0 * * mon-sun/2|0 0 * * 1/2|0 0 * * 1/3|0 0 * * 5/2|0 0 * * sun/3
0 0 1 JAN/4 *|0 0 L,15 * *|0 0 10,LW * *|0 0 1W,15W * *|0 0 L-0 * *|0 0 lw * *|0 0 20w * *
0 0 l-2 * *|0 0 5,10-12,L * *|0 9 * * 1#1|0 9 * * 5#3|0 9 * * 3#5|0 9 * * mon#2|0 9 * * FRI#5
0 9 * * 7#2|0 9 * * 0#1|0 9 * * sun#4|0 9 * * 1#1,3#2|0 9 * * 2#4,4#4|0 9 * 3,9 2#1|0 9 * * 5L
0 9 * * friL|0 9 * * MONL|0 9 * * 0L|0 9 * * 7L|0 9 * * 1L|0 9 * 12 6L|0 9 * * 3l|0 0 l * *
0 9 * 2 1#5|0 9 * 2 0#5|0 0 ? * 1|0 0 1 * ?|0 0 ? * ?|0 0 ? * *|0 0 * * ?|15 10 ? * mon-fri
0 0 ? 2 5L|0 0 L * ?|*/20 * ? * ?|0 0 1 * 1|0 0 13 * 5|0 0 1,15 * 3|0 12 */10 * 3|0 12 10 * */4
0 0 29 2 1|0 0 31 * mon|0 0 L * 5|0 0 L-2 * 1|0 0 15W * 0|0 0 LW * 2#1|0 0 1 * 5L|0 0 1-7 * 1
0 0 31 6 1|0 0 30 2 fri|0 4 8-14 * 6|0 0 * 4 1-5|0 22 * * 1-5|5 4 * * sun|23 0-20/2 * * *
0 0,12 1 */2 *|0 4 8-14 * *|15 14 1 * *|0 0 */10 * 1|@yearly|@annually|@monthly|@weekly|@daily
@midnight|@hourly|* * * * * *|*/5 * * * * *|0 * * * * *|30 * * * * *|15,45 * * * * *
10-20/5 0 * * * *|59 59 23 * * *|0 0 0 1 1 *|*/20 30 9 * * 1-5|0 */15 * * * *|7/20 */20 * * * *
0-59/30 0 12 L * *|1 2 3 29 2 *|30 30 */6 * * *|0 0 12 ? * mon#1|5 0 0 15W * ?|0 0 0 L-5 * *
45 0 0 1 * 1|0 0 9 * * 5L|*/59 59 23 31 12 *"""

# Refused: for what each field may be, and what never fires. An empty one is at the end.
REFUSED = """* * * *|* * * * * * *|60 * * * *|* 24 * * *|* * 0 * *|* * 32 * *|* * * 0 *
* * * 13 *|* * * * 8|60 * * * * *|-1 * * * *|a * * * *|* * * foo *|* * * * day|mon * * * *
* jan * * *|* * jan * *|* * * mon *|* * * * jan|? * * * *|* ? * * *|* * * ? *|? * * * * *
*/0 * * * *|* */0 * * *|* * */0 * *|1- * * * *|-5 * * * *|1-2-3 * * * *|1--2 * * * *|,1 * * * *
1, * * * *|1,,2 * * * *|/5 * * * *|5/ * * * *|*/x * * * *|1/2/3 * * * *|1.5 * * * *|0x5 * * * *
+5 * * * *|30-10 * * * *|* * * * 1#0|* * * * 1#6|* * * * 1#|* * * * #1|* * * * 8#1|* * * * 8L
* * 0W * *|* * 32W * *|* * W * *|* * L-31 * *|* * L- * *|L * * * *|* L * * *|* * * L *
15W * * * *|* * * 1W *|* * * * 1W|0 0 30 2 *|0 0 31 2 *|0 0 31 4 *|0 0 31 4,6,9,11 *
0 0 30-31 feb *|30 2 31 2 *|0 0 0 30 2 ?|0 0 L-29 2 *|0 0 30W 2 *|0 0 31W 6 *|22-2 * * * *
0 22-2 * * *|0 0 25-5 * *|0 0 1 nov-feb *|0 0 * * fri-mon|0 0 * * 6-1|@reboot|@every 5m
@secondly|@|@ daily|hello|99999999999999999999 * * * *|4294967296 * * * *|0 0 1 * * MON 2030"""
REFUSED = REFUSED.replace("\n", "|").split("|")


def features():
    return FEATURES.replace("\n", "|").split("|")


def second_of(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp())


def everywhere(rng):
    """Each feature from moments of all years and in all zones; two thirds of them in UTC."""
    for expression in features():
        for i in range(5):
            year = rng.choice([1970 + rng.randrange(131), rng.randrange(2020, 2040)])
            start = second_of(f"{year}-01-01T00:00:00") + rng.randrange(365 * 86400)
            if i % 2:
                start -= start % 3600  # on what may be a time of the entry itself
            yield expression, "UTC" if i < 2 else rng.choice(ZONES), start, i == 4


def ends(rng):
    """The last and first moments of months and years, those of February above all."""
    days = ["1970-02-28", "1972-02-28", "1972-02-29", "1999-12-31", "2000-02-28", "2000-02-29",
            "2023-02-28", "2024-02-28", "2024-02-29", "2096-02-29", "2099-12-31", "2100-02-28",
            "2100-03-01", "2026-04-30", "2026-08-31", "2026-11-30", "2027-01-31"]
    words = "L", "W", "#", "31", "29", "30 ", "28"
    chosen = [e for e in features() if any(word in e for word in words)]
    for day in days:
        for expression in rng.sample(chosen, 12):
            yield expression, rng.choice(["UTC", "UTC", "Asia/Tokyo", "America/Los_Angeles",
                                          "Pacific/Auckland"]), \
                second_of(day + "T" + rng.choice(["00:00:00", "23:59:59", "12:00:00"])), \
                rng.random() < 0.4


def field(rng, low, high, names):
    """A made-up field."""
    def name(value):
        return rng.choice([str(value), names.get(value, str(value))])
    kind = rng.randrange(7)
    if kind < 2:
        return "*"
    if kind == 2:
        return f"*/{rng.randrange(1, high)}"
    items = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        first = rng.randrange(low, high + 1)
        last = rng.randrange(first, high + 1)
        items.append(rng.choice([name(first), name(first), f"{name(first)}-{name(last)}",
                                 f"{name(first)}-{name(last)}/{rng.randrange(1, 8)}"]))
    return ",".join(items)


def made_up(rng, count):
    months = {number: name for name, number in reference.MONTHS.items()}
    weekdays = {number: name for name, number in reference.WEEKDAYS.items()}
    for _ in range(count):
        fields = [field(rng, 0, 59, {}), field(rng, 0, 23, {}), field(rng, 1, 28, {}),
                  field(rng, 1, 12, months), field(rng, 0, 6, weekdays)]
        if rng.random() < 0.3:
            fields[rng.choice([2, 4])] = "?"
        if rng.random() < 0.25:
            fields.insert(0, field(rng, 0, 59, {}))
        start = rng.randrange(2 * 365 * 86400, second_of("2099-12-31T00:00:00"))
        yield " ".join(fields), rng.choice(ZONES), start, rng.random() < 0.3


def clock(seconds):
    return seconds // 3600 % 24, seconds // 60 % 60, seconds % 60


def around(rng, zone, change):
    """Expressions that meet a change of the clock, most of them in what is skipped or repeated."""
    utc, before, after = change
    low, high = sorted((utc + before, utc + after))  # local times skipped or repeated
    length = high - low
    hit = low + rng.choice([0, 0, length // 2, length // 3, max(length - 60, 0), length])
    hour, minute, _ = clock(hit)
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=hit // 86400)
    first, last = max(hour - 1, 0), min(hour + 1, 23)
    other = (minute + 30) % 60
    weekday = day.isoweekday() % 7
    fixed = [f"{minute} {hour} * * *", f"{minute} {hour} * * *",
             f"{min(minute, other)},{max(minute, other)} {hour} * * *",
             f"0,30 {first}-{last} * * *", f"{minute} {first},{last} * * *", f"0-59/20 0-23 * * *",
             f"{minute} {hour} {day.day} * *", f"{minute} {hour} * {day.month} {weekday}",
             f"{minute} {hour} 13 * {weekday}", f"{minute} {hour} ? * {weekday}",
             f"{minute} 0/2 * * *",
             f"*/20 {minute} {hour} * * *", f"30 {minute}-59 {hour} * * *", f"5/15 {hour} * * *",
             f"{minute} {hour} L * *", f"{minute} 0-{last} * * *"]
    wild = ["*/15 * * * *", "*/30 * * * *", f"{minute} * * * *", f"* {hour} * * *",
            f"*/20 {hour} * * *",
            f"{minute} */2 * * *", f"{minute} */1 * * *", f"*/10 {first}-{last} * * *",
            f"*/40 {minute} * * * *", f"0 */25 * * * *", f"{minute} * {day.day} * *",
            f"*/20 * * * {weekday}", "0 * * * *", f"15 */30 {hour} * * *", "@hourly"]
    expression = rng.choice(rng.choice([fixed, wild]))
    size = abs(after - before)
    start = utc + rng.choice([-86400, -3600 - size, -1800, -60, -1, 0, 1, 60, size // 2, size,
                              size + 1])
    previous = rng.random() < 0.35
    if previous:
        start = utc + rng.choice([86400, size + 7200, size + 1, size, size // 2, 1, 0, -1, -size,
                                  3600])
    return expression, zone, start, previous


def changes(rng):
    for zone in ZONES:
        known = [change for change in reference.transitions(zone)
                 if change[1] != change[2] and 0 < change[0] < second_of("2100-12-31T00:00:00")]
        for change in rng.sample(known, min(5, len(known))):
            for _ in range(3):
                yield around(rng, zone, change)
    for line in SPECIAL.replace("\n", "|").split("|"):
        zone, day = line.split()
        middle = second_of(day + "T12:00:00")
        near = min(reference.transitions(zone), key=lambda change: abs(change[0] - middle))
        if abs(near[0] - middle) > 3 * 86400:  # a change of rules that leaves the clock alone
            near = middle, *[reference.Zone(zone).offset(middle)] * 2
        for _ in range(14):
            yield around(rng, zone, near)


def by_hand():
    """Single cases that are worth a line of their own."""
    for expression, zone, start, previous in [
            ("0 9 30 12 *", "Pacific/Apia", "2010-06-01T00:00:00", False),
            ("0 9 30 12 *", "Pacific/Apia", "2013-06-01T00:00:00", True),
            ("0 9 * * *", "Pacific/Apia", "2011-12-28T00:00:00", False),
            ("0 9 * * 5", "Pacific/Apia", "2011-12-20T00:00:00", False),
            ("* * * * *", "Pacific/Apia", "2011-12-30T09:57:30", False),
            ("* * * * * *", "Pacific/Apia", "2011-12-30T10:00:03", True),
            ("0 0 L 12 *", "Pacific/Apia", "2010-06-01T00:00:00", False),
            ("0 2 * * *", "Antarctica/Casey", "2009-10-15T00:00:00", False),
            ("30 3 * * *", "Antarctica/Casey", "2009-10-15T00:00:00", False),
            ("0 5 * * *", "Antarctica/Casey", "2009-10-15T00:00:00", False),
            ("0 1-6 * * *", "Antarctica/Casey", "2009-10-17T17:00:00", False),
            ("30 1 * * *", "Antarctica/Troll", "2026-03-28T00:00:00", False),
            ("0,30 1,2 * * *", "Antarctica/Troll", "2026-03-28T23:00:00", False),
            ("0 0 1 1 *", "UTC", "1970-01-01T00:00:00", False),
            ("* * * * * *", "UTC", "1969-12-31T23:59:59", False),
            ("0 0 29 2 *", "UTC", "2095-06-01T00:00:00", False),
            ("0 0 29 2 *", "UTC", "2104-06-01T00:00:00", True),
            ("0 0 29 2 ?", "Asia/Kolkata", "2099-06-01T00:00:00", False),
            ("0 0 * 2 1#5", "UTC", "2072-06-01T00:00:00", False),
            ("0 0 31 12 *", "UTC", "2096-06-01T00:00:00", False),
            ("*/1 * * * *", "Europe/Berlin", "2026-10-25T00:57:30", False),
            ("0-59 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00", False),
            ("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00", False),
            ("0 2,3 * * *", "Europe/Berlin", "2026-03-29T12:00:00", True),
            ("*/20 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", False),
            ("0/20 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", False)]:
        yield expression, zone, second_of(start), previous


def questions(rng):
    yield from by_hand()
    yield from everywhere(rng)
    yield from ends(rng)
    yield from changes(rng)
    yield from made_up(rng, 500)

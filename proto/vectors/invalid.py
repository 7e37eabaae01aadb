"""Examples that every receiver refuses."""
import struct

from encode import (
    ARGS,
    DETAIL,
    DONE,
    FIRE,
    HELLO,
    ID,
    JOBS,
    NOMINAL,
    RESULTS,
    SCHEDULE_PUT,
    SESSION,
    SUBMIT,
    U64,
    WORKER,
    Raw,
    array,
    bin_,
    frame,
    mapping,
    num,
    text,
)

rows = []


def bad(name, error, *frames):
    rows.append({"name": name, "frames": [f.hex() for f in frames], "error": error})


def bad_message(label, error, message, base, /, request=0, extra=(), drop=(), **changes):
    fields = {f: v for f, v in {**base, **changes}.items() if f not in drop}
    bad(label, error, frame(message, fields, request, extra=extra))


def make_frames():
    empty = frame("QUEUES", {}, 7)
    credit = frame("CREDIT", dict(hello=1, credit=12))
    bad("two frames", "malformed", credit, credit)
    bad("a delimiter frame before the message", "malformed", b"", credit)
    bad("no frame", "malformed")
    bad("an empty frame", "malformed", b"")
    bad("a frame that is no msgpack", "malformed", b"\xc1")
    bad("text instead of msgpack", "malformed", b"GET / HTTP/1.1\r\n\r\n")
    bad("a map instead of an array", "malformed", mapping([(num(1), num(29))]))
    bad("an array of three", "malformed", array([num(29), num(1), num(0)]))
    bad("an array of five", "malformed", array([num(29), num(1), num(0), mapping([]), num(0)]))
    bad("a type that is a str", "malformed", array([text("SUBMIT"), num(1), num(0), mapping([])]))
    bad("a negative type", "malformed", array([b"\xff", num(1), num(0), mapping([])]))
    bad("a negative request", "malformed", array([num(29), num(1), b"\xff", mapping([])]))
    bad("a version that is nil", "malformed", array([num(29), b"\xc0", num(0), mapping([])]))
    bad("fields that are an array", "malformed", array([num(29), num(1), num(0), array([])]))
    bad("fields that are nil", "malformed", array([num(29), num(1), num(0), b"\xc0"]))
    bad("a byte after the message", "malformed", empty + b"\xc0")
    bad("a second message after the first", "malformed", credit + credit)
    for cut in (1, 2, 3, len(credit) - 1):
        bad("cut after %d of %d bytes" % (cut, len(credit)), "malformed", credit[:cut])
    bad("version 0", "version", frame("QUEUES", {}, 7, version=0))
    bad("version 2", "version", frame("QUEUES", {}, 7, version=2))
    bad("type 0", "unknown_type", array([num(0), num(1), num(0), mapping([])]))
    bad("type 60", "unknown_type", array([num(60), num(1), num(0), mapping([])]))
    bad("a type beyond 32 bits", "unknown_type", array([num(2**40), num(1), num(0), mapping([])]))


def make_headers():
    """Headers that promise more than the frame holds."""
    head = b"\x94\x1c\x01\x00"
    bad("an array of 2^32-1", "malformed", b"\xdd\xff\xff\xff\xff")
    bad("a map of 2^32-1 pairs", "malformed", head + b"\xdf\xff\xff\xff\xff")
    bad("a map of 15 pairs with two", "malformed", head + b"\x8f\x01\xa1q\x02\x00")
    bad("a str of 2^32-1 bytes", "malformed", head + b"\x82\x01\xdb\xff\xff\xff\xffq\x02\x00")
    bad("a bin of 2^32-1 bytes", "malformed", b"\x94\x18\x01\x00\x81\x01\xc6\xff\xff\xff\xff")
    bad(
        "an array of 2^32-1 strings",
        "malformed",
        frame("BEAT", dict(epoch=1, turn=1, topics=Raw(b"\xdd\xff\xff\xff\xff"))),
    )
    bad("a header without its length", "malformed", head + b"\x82\x01\xda\x00")
    bad(
        "nested far too deep under a key that is passed over",
        "malformed",
        frame("QUEUES", {}, extra=[(num(64), b"\x91" * 200 + b"\xc0")]),
    )
    bad(
        "nested arrays that each promise 2^32-1",
        "malformed",
        frame("QUEUES", {}, extra=[(num(64), b"\xdd\xff\xff\xff\xff" * 31)]),
    )
    bad(
        "an ext value under a key that is passed over",
        "malformed",
        frame("QUEUES", {}, extra=[(num(64), b"\xc7\x01\x05\x00")]),
    )
    bad(
        "more pairs than a map may have",
        "malformed",
        frame("QUEUES", {}, extra=[(num(64 + i), b"\xc0") for i in range(129)]),
    )
    bad(
        "more unknown keys than a map may have",
        "malformed",
        frame("QUEUES", {}, extra=[(num(64 + i), b"\xc0") for i in range(65)]),
    )


def make_fields():
    credit, pause = dict(hello=1, credit=12), dict(queue="q", paused=1)
    bad_message(
        "an unknown key that must be understood",
        "unknown_field",
        "CREDIT",
        credit,
        extra=[(num(63), b"\xc0")],
    )
    bad_message("key 0", "unknown_field", "CREDIT", credit, extra=[(num(0), b"\xc0")])
    bad_message("a key twice", "malformed", "CREDIT", credit, extra=[(num(2), num(13))])
    bad_message(
        "an unknown key twice",
        "malformed",
        "CREDIT",
        credit,
        extra=[(num(70), num(1)), (num(70), num(1))],
    )
    bad_message(
        "a key that is a str", "malformed", "CREDIT", credit, extra=[(text("credit"), num(1))]
    )
    bad_message("a negative key", "malformed", "CREDIT", credit, extra=[(b"\xff", num(1))])
    bad_message("a field missing", "malformed", "CREDIT", credit, drop=["credit"])
    bad_message("a number that is a str", "malformed", "CREDIT", credit, credit=Raw(text("12")))
    bad_message("a number that is negative", "malformed", "CREDIT", credit, credit=Raw(b"\xff"))
    bad_message(
        "a number that is a float",
        "malformed",
        "CREDIT",
        credit,
        credit=Raw(b"\xcb" + struct.pack(">d", 12)),
    )
    bad_message("a number that is nil", "malformed", "CREDIT", credit, credit=Raw(b"\xc0"))
    bad_message("a number over its limit", "too_big", "CREDIT", credit, credit=1000001)
    bad_message("a flag of 2", "too_big", "PAUSE", pause, paused=2)
    bad_message("a backup to nowhere", "malformed", "BACKUP", dict(token=1))
    bad_message("a path over its limit", "too_big", "BACKUP", dict(directory="/" * 4096, token=1))
    bad_message("a name that is a bin", "malformed", "PAUSE", pause, queue=Raw(bin_(b"q")))
    bad_message("a name over its limit", "too_big", "PAUSE", pause, queue="q" * 129)
    bad_message("a name with a NUL", "malformed", "PAUSE", pause, queue="q\0")
    for label, data in (
        ("a lone continuation byte", b"\x80"),
        ("a cut sequence", b"q\xc3"),
        ("an overlong form", b"\xc0\xaf"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("a value above U+10FFFF", b"\xf4\x90\x80\x80"),
    ):
        bad_message("a name with " + label, "malformed", "PAUSE", pause, queue=Raw(text(data)))
    bad_message("a payload that is a str", "malformed", "REPLY", {}, body=Raw(text("x")))
    bad_message("a column that is an array", "malformed", "GET", {}, ids=Raw(array([num(1)])))
    bad_message("a column cut inside an entry", "malformed", "GET", {}, ids=Raw(bin_(b"1234567")))
    bad_message("a column over its limit", "too_big", "GET", {}, ids=[1] * 1001)
    bad_message(
        "strings that are a str",
        "malformed",
        "HELLO",
        WORKER,
        queues=Raw(text("default")),
        drop=["weights"],
    )
    bad_message(
        "strings of which one is a number",
        "malformed",
        "HELLO",
        WORKER,
        queues=Raw(array([text("a"), num(1)])),
    )
    bad_message(
        "strings of which one is too long", "too_big", "HELLO", WORKER, queues=["a", "q" * 256]
    )
    bad_message(
        "more strings than the limit",
        "too_big",
        "HELLO",
        WORKER,
        queues=["q"] * 257,
        drop=["weights"],
    )


def make_schedules():
    place = dict(schedules=["nightly"], nominals_ms=[0, NOMINAL])
    bad_message(
        "jobs of a schedule that is not named",
        "malformed",
        "JOBS",
        JOBS,
        **place,
        schedule_of=[0, 2],
    )
    bad_message(
        "jobs of a schedule where none is named", "malformed", "JOBS", JOBS, schedule_of=[0, 1]
    )
    bad_message(
        "jobs with a nominal time too few",
        "malformed",
        "JOBS",
        JOBS,
        schedules=["nightly"],
        schedule_of=[0, 1],
        nominals_ms=[NOMINAL],
    )
    none = dict(source="team.yaml", count=0, lengths=[], schedules=b"")
    bad_message("schedules of none", "malformed", "SCHEDULE_PUT", none)
    bad_message("schedules of nobody", "malformed", "SCHEDULE_PUT", SCHEDULE_PUT, drop=["source"])
    bad_message("513 schedules", "too_big", "SCHEDULE_PUT", SCHEDULE_PUT, count=513)
    bad_message(
        "schedules with a length too few",
        "malformed",
        "SCHEDULE_PUT",
        SCHEDULE_PUT,
        lengths=[9],
    )
    bad_message(
        "schedules cut short",
        "malformed",
        "SCHEDULE_PUT",
        SCHEDULE_PUT,
        schedules=SCHEDULE_PUT["schedules"][:-1],
    )
    bad_message("more schedules than a page", "too_big", "SCHEDULES", {}, limit=1001)
    bad_message("schedules held for too long", "too_big", "SCHEDULES", {}, hold_ms=60001)
    bad_message("act 0", "malformed", "SCHEDULE_ACT", dict(action=0, names=["nightly"]))
    bad_message("act 4", "too_big", "SCHEDULE_ACT", dict(action=4, names=["nightly"]))
    bad_message("an act on too many", "too_big", "SCHEDULE_ACT", dict(action=1, names=["n"] * 513))
    empty = dict(epoch=5, count=0, revisions=[], nominals_ms=[])
    bad_message("fire of none", "malformed", "FIRE", empty)
    bad_message("fire without an epoch", "malformed", "FIRE", FIRE, drop=["epoch"])
    bad_message("fire with a revision too few", "malformed", "FIRE", FIRE, revisions=[41])
    bad_message("fire with a previous one too few", "malformed", "FIRE", FIRE, previous_ms=[0])
    bad_message("fire that asks what is not known", "malformed", "FIRE", FIRE, asks=[0, 3])
    bad_message("fire of an unknown mode", "too_big", "FIRE", FIRE, mode=3)
    bad_message("ledger of no schedule", "malformed", "LEDGER", {})
    bad_message("more rows than a page", "too_big", "LEDGER", dict(name="nightly"), limit=1001)
    bad_message("notice without words", "malformed", "NOTICE", dict(source="a", code="invalid"))


def make_rules():
    bad_message("another magic", "malformed", "HELLO", HELLO, magic="MASTER")
    bad_message("a session of 15 bytes", "malformed", "HELLO", HELLO, session=SESSION[:15])
    bad_message("a session of 17 bytes", "too_big", "HELLO", HELLO, session=SESSION + b"x")
    bad_message("role 0", "malformed", "HELLO", HELLO, role=0)
    bad_message("role 3", "too_big", "HELLO", HELLO, role=3)
    bad_message("versions the wrong way round", "malformed", "HELLO", HELLO, version_min=2)
    bad_message("weights for other queues", "malformed", "HELLO", WORKER, weights=[1, 2, 3])
    bad_message("a part beyond the parts", "malformed", "HELLO", HELLO, part=2, parts=2)
    bad_message(
        "runs of other held jobs", "malformed", "HELLO", WORKER, held_ids=[ID], held_runs=[1, 1]
    )
    bad_message("times without held jobs", "malformed", "HELLO", WORKER, held_ms=[1])
    bad_message("cancel with other runs", "malformed", "CANCEL", dict(ids=[ID], runs=[]))
    bad_message("abandon with other runs", "malformed", "ABANDON", dict(ids=[ID], runs=[1, 2]))
    bad_message("jobs of none", "malformed", "JOBS", JOBS, count=0, arg_lengths=[], args=b"")
    bad_message("jobs without ids", "malformed", "JOBS", JOBS, drop=["first_id"])
    bad_message("jobs with ids and a first id", "malformed", "JOBS", JOBS, ids=[ID, ID + 256])
    bad_message("jobs whose last id is beyond 64 bits", "malformed", "JOBS", JOBS, first_id=U64)
    bad_message("jobs with a run too few", "malformed", "JOBS", JOBS, runs=[1])
    bad_message("jobs of a lane that is not named", "malformed", "JOBS", JOBS, lanes=[0, 1])
    bad_message("jobs of no lane", "malformed", "JOBS", JOBS, queues=[], kinds=[])
    bad_message("jobs with a kind too many", "malformed", "JOBS", JOBS, kinds=["a", "b"])
    bad_message("jobs with args left over", "malformed", "JOBS", JOBS, args=ARGS + b"\xc0\xc0")
    bad_message("jobs with metas and no lengths", "malformed", "JOBS", JOBS, metas=b"x")
    bad_message(
        "jobs with a meta over its limit",
        "too_big",
        "JOBS",
        JOBS,
        meta_lengths=[0, 1025],
        metas=b"m" * 1025,
    )
    bad_message("results of none", "malformed", "RESULTS", RESULTS, count=0, ids=[])
    bad_message("results with an outcome too few", "malformed", "RESULTS", RESULTS, outcomes=[0])
    bad_message("results with an unknown outcome", "malformed", "RESULTS", RESULTS, outcomes=[0, 8])
    bad_message(
        "results shorter than their lengths",
        "malformed",
        "RESULTS",
        RESULTS,
        result_lengths=[1, 1],
        results=b"\xc0",
    )
    bad_message(
        "result lengths whose sum wraps 32 bits",
        "malformed",
        "RESULTS",
        RESULTS,
        result_lengths=[2**32 - 1, 2],
        results=b"\xc0",
    )
    bad_message(
        "details longer than their lengths",
        "malformed",
        "RESULTS",
        RESULTS,
        detail_lengths=[0, 0],
        details=DETAIL,
    )
    bad_message("submit of none", "malformed", "SUBMIT", SUBMIT, count=0, arg_lengths=[], args=b"")
    bad_message("submit of 513 jobs", "too_big", "SUBMIT", SUBMIT, count=513)
    bad_message(
        "submit with a length too few",
        "malformed",
        "SUBMIT",
        SUBMIT,
        arg_lengths=[len(ARGS) + 1],
    )
    bad_message("submit with args cut short", "malformed", "SUBMIT", SUBMIT, args=ARGS)
    bad_message(
        "submit with an idempotency key over its limit",
        "too_big",
        "SUBMIT",
        SUBMIT,
        key_lengths=[257, 0],
        keys=b"k" * 257,
    )
    bad_message("submit with keys and no lengths", "malformed", "SUBMIT", SUBMIT, keys=b"k")
    bad_message("submit with a meta over its limit", "too_big", "SUBMIT", SUBMIT, meta=b"m" * 1025)
    bad_message("submit with priority 10", "too_big", "SUBMIT", SUBMIT, priority=10)
    bad_message(
        "submit with a negative delay", "malformed", "SUBMIT", SUBMIT, delay_ms=Raw(b"\xff")
    )
    bad_message(
        "submit acknowledged without ids", "malformed", "SUBMIT_ACK", dict(number=1, count=2)
    )
    bad_message(
        "submit acknowledged with an unknown outcome",
        "malformed",
        "SUBMIT_ACK",
        dict(number=1, count=1, first_id=ID, outcomes=[3]),
    )
    bad_message("done of none", "malformed", "DONE", dict(number=1, count=0, ids=[], states=[]))
    bad_message("done with a state too few", "malformed", "DONE", DONE, states=[3])
    bad_message("done with a job that runs", "malformed", "DONE", DONE, states=[3, 2])
    bad_message("parked without an action", "malformed", "PARKED", dict(action=0, ids=[ID]))
    bad_message(
        "beat with other turns",
        "malformed",
        "BEAT",
        dict(epoch=1, turn=1, topics=["a"], turns=[1, 2]),
    )


make_frames()
make_headers()
make_fields()
make_schedules()
make_rules()

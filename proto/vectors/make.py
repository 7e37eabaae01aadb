#!/usr/bin/env python3
"""Writes valid.jsonl and invalid.jsonl: examples of the protocol for the tests of every implementation.

The bytes are put together here by hand, from PROTOCOL.md and the msgpack specification, and not by the codec under test.
A line: {"name", "frames": [hex], "type", "request", "fields"}, or {"name", "frames": [hex], "error": code}. In fields, a
BIN is hex, a column is an array of integers, and an integer above 2^63-1 is a string of its digits.
"""
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
U64 = 2**64 - 1


class Raw(bytes):
    """Bytes that are msgpack already."""


def num(value):
    for limit, head, form in ((0x80, None, ">B"), (2**8, 0xCC, ">B"), (2**16, 0xCD, ">H"),
                              (2**32, 0xCE, ">I"), (2**64, 0xCF, ">Q")):
        if value < limit:
            return (b"" if head is None else bytes([head])) + struct.pack(form, value)
    raise ValueError(value)


def sized(length, heads):
    for limit, head, form in heads:
        if length < limit:
            return bytes([head | length]) if form is None else bytes([head]) + struct.pack(form, length)
    raise ValueError(length)


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return sized(len(data), ((32, 0xA0, None), (2**8, 0xD9, ">B"), (2**16, 0xDA, ">H"), (2**32, 0xDB, ">I"))) + data


def bin_(data):
    return sized(len(data), ((2**8, 0xC4, ">B"), (2**16, 0xC5, ">H"), (2**32, 0xC6, ">I"))) + data


def array(items):
    return sized(len(items), ((16, 0x90, None), (2**16, 0xDC, ">H"))) + b"".join(items)


def mapping(pairs):
    return sized(len(pairs), ((16, 0x80, None), (2**16, 0xDE, ">H"))) + b"".join(k + v for k, v in pairs)


def column(form, values):
    return b"".join(struct.pack("<" + form, value) for value in values)


# kind of a field -> (how it is sent, how it stands in "fields")
KINDS = {
    "NUM": (num, lambda v: str(v) if v >= 2**63 else v),
    "STR": (text, lambda v: v),
    "BIN": (bin_, lambda v: v.hex()),
    "STRS": (lambda v: array([text(t) for t in v]), list),
    "COL8": (lambda v: bin_(column("B", v)), list),
    "COL32": (lambda v: bin_(column("I", v)), list),
    "COL64": (lambda v: bin_(column("Q", v)), lambda v: [str(i) if i >= 2**63 else i for i in v]),
}

# The messages as PROTOCOL.md numbers them: name -> type, field -> (key, kind).
MESSAGES = {
    "HELLO": (1, dict(magic=(1, "STR"), version_min=(2, "NUM"), version_max=(3, "NUM"), role=(4, "NUM"),
                      session=(5, "BIN"), number=(6, "NUM"), name=(7, "STR"), host=(8, "STR"), pid=(9, "NUM"),
                      capabilities=(10, "NUM"), slots=(16, "NUM"), queues=(17, "STRS"), weights=(18, "COL32"),
                      strict=(19, "NUM"), kinds=(20, "STRS"), draining=(21, "NUM"), part=(22, "NUM"),
                      parts=(23, "NUM"), held_ids=(24, "COL64"), held_runs=(25, "COL32"), held_ms=(26, "COL32"),
                      results_next=(27, "NUM"), submit_confirmed=(40, "NUM"), done_confirmed=(41, "NUM"))),
    "WELCOME": (2, dict(version=(1, "NUM"), epoch=(2, "NUM"), hello=(3, "NUM"), heartbeat_ms=(4, "NUM"),
                        lease_ms=(5, "NUM"), max_payload=(6, "NUM"), reconnect_spread_ms=(7, "NUM"), feed=(8, "STR"),
                        broker=(9, "STR"), results_window=(10, "NUM"), results_next=(11, "NUM"), window=(12, "NUM"),
                        window_bytes=(13, "NUM"))),
    "HEARTBEAT": (3, dict(epoch=(1, "NUM"))),
    "GOODBYE": (4, {}),
    "UNKNOWN": (5, dict(epoch=(1, "NUM"))),
    "ERROR": (6, dict(code=(1, "STR"), text=(2, "STR"))),
    "CANCEL": (7, dict(ids=(1, "COL64"), runs=(2, "COL32"))),
    "CREDIT": (8, dict(hello=(1, "NUM"), credit=(2, "NUM"))),
    "JOBS": (9, dict(epoch=(1, "NUM"), hello=(2, "NUM"), count=(3, "NUM"), first_id=(4, "NUM"), ids=(5, "COL64"),
                     runs=(6, "COL32"), queues=(7, "STRS"), kinds=(8, "STRS"), lanes=(9, "COL32"),
                     attempts=(10, "COL32"), run_timeouts_ms=(11, "COL32"), arg_lengths=(12, "COL32"),
                     args=(13, "BIN"), meta_lengths=(14, "COL32"), metas=(15, "BIN"))),
    "RESULTS": (10, dict(hello=(1, "NUM"), number=(2, "NUM"), count=(3, "NUM"), first_id=(4, "NUM"),
                         ids=(5, "COL64"), runs=(6, "COL32"), outcomes=(7, "COL8"), result_lengths=(8, "COL32"),
                         results=(9, "BIN"), detail_lengths=(10, "COL32"), details=(11, "BIN"),
                         run_us=(12, "COL32"))),
    "RESULTS_ACK": (11, dict(number=(1, "NUM"))),
    "ABANDON": (12, dict(ids=(1, "COL64"), runs=(2, "COL32"))),
    "SUBMIT": (16, dict(number=(1, "NUM"), confirmed=(2, "NUM"), queue=(3, "STR"), kind=(4, "STR"),
                        priority=(5, "NUM"), delay_ms=(6, "NUM"), at_ms=(7, "NUM"), max_attempts=(8, "NUM"),
                        backoff_kind=(9, "NUM"), backoff_base_ms=(10, "NUM"), backoff_cap_ms=(11, "NUM"),
                        backoff_jitter_permille=(12, "NUM"), run_timeout_ms=(13, "NUM"), expires_in_ms=(14, "NUM"),
                        group=(15, "STR"), meta=(16, "BIN"), notify=(17, "NUM"), count=(18, "NUM"),
                        arg_lengths=(19, "COL32"), args=(20, "BIN"), key_lengths=(21, "COL32"), keys=(22, "BIN"))),
    "SUBMIT_ACK": (17, dict(number=(1, "NUM"), count=(2, "NUM"), first_id=(3, "NUM"), ids=(4, "COL64"),
                            outcomes=(5, "COL8"))),
    "BUSY": (18, dict(number=(1, "NUM"), reason=(2, "STR"), retry_ms=(3, "NUM"), text=(4, "STR"))),
    "DONE": (19, dict(number=(1, "NUM"), count=(2, "NUM"), ids=(3, "COL64"), states=(4, "COL8"),
                      result_lengths=(5, "COL32"), results=(6, "BIN"), detail_lengths=(7, "COL32"),
                      details=(8, "BIN"))),
    "DONE_ACK": (20, dict(number=(1, "NUM"))),
    "GET": (24, dict(ids=(1, "COL64"))),
    "WAIT": (25, dict(ids=(1, "COL64"), hold_ms=(2, "NUM"))),
    "LIST": (26, dict(state=(1, "STR"), queue=(2, "STR"), kind=(3, "STR"), after=(4, "NUM"), limit=(5, "NUM"))),
    "PARKED": (27, dict(action=(1, "NUM"), ids=(2, "COL64"), all=(3, "NUM"), queue=(4, "STR"), kind=(5, "STR"),
                        after=(6, "NUM"))),
    "PAUSE": (28, dict(queue=(1, "STR"), paused=(2, "NUM"))),
    "QUEUES": (29, {}),
    "WORKERS": (30, {}),
    "STATS": (31, {}),
    "SNAPSHOT": (32, {}),
    "REPLY": (33, dict(code=(1, "STR"), text=(2, "STR"), body=(3, "BIN"), more=(4, "NUM"), after=(5, "NUM"),
                       epoch=(6, "NUM"), turn=(7, "NUM"))),
    "EVENTS": (40, dict(epoch=(1, "NUM"), turn=(2, "NUM"), previous=(3, "NUM"), count=(4, "NUM"), elided=(5, "NUM"),
                        items=(6, "BIN"))),
    "BEAT": (41, dict(epoch=(1, "NUM"), turn=(2, "NUM"), topics=(3, "STRS"), turns=(4, "COL64"))),
    "SYNC": (42, dict(epoch=(1, "NUM"), turn=(2, "NUM"))),
}


def pairs(message, fields):
    """The map's pairs; a Raw value stands for itself."""
    table = MESSAGES[message][1]
    return [(num(table[f][0]), v if isinstance(v, Raw) else KINDS[table[f][1]][0](v)) for f, v in fields.items()]


def frame(message, fields, request=0, version=1, extra=()):
    return array([num(MESSAGES[message][0]), num(version), num(request), mapping(pairs(message, fields) + list(extra))])


valid, invalid = [], []


def good(label, message, request=0, data=None, /, **fields):
    table = MESSAGES[message][1]
    shown = {f: KINDS[table[f][1]][1](v) for f, v in fields.items()}
    valid.append({"name": label, "frames": [(data or frame(message, fields, request)).hex()], "type": message,
                  "request": request, "fields": shown})


def bad(name, error, *frames):
    invalid.append({"name": name, "frames": [f.hex() for f in frames], "error": error})


def bad_message(label, error, message, base, /, request=0, extra=(), drop=(), **changes):
    fields = {f: v for f, v in {**base, **changes}.items() if f not in drop}
    bad(label, error, frame(message, fields, request, extra=extra))


SESSION = bytes(range(0xA0, 0xB0))
ID = (1795338900123 << 14) << 8 | 1  # a job id of 2026-11-22, shard 1
ARGS = mapping([(text("to"), text("ann@example.org"))])
DETAIL = mapping([(num(1), text("exit_3")), (num(2), text("no such user")), (num(3), bin_(b"trace\n")), (num(4), num(3))])

HELLO = dict(magic="MUSTER", version_min=1, version_max=1, role=1, session=SESSION, number=1)
WORKER = dict(HELLO, name="worker-1", host="h1", pid=4711, slots=4, queues=["default", "mail"], weights=[1, 3],
              kinds=["email.send", "*"])
JOBS = dict(epoch=5, hello=1, count=2, first_id=ID, queues=["default"], kinds=["email.send"],
            arg_lengths=[len(ARGS), 1], args=ARGS + b"\xc0")
RESULTS = dict(hello=1, number=1, count=2, ids=[ID, ID + 512])
SUBMIT = dict(number=1, queue="default", kind="email.send", count=2, arg_lengths=[len(ARGS), 1], args=ARGS + b"\xc0")
DONE = dict(number=2, count=2, ids=[ID, ID + 256], states=[3, 6])


def make_valid_sessions():
    good("hello of a client", "HELLO", 1, **dict(HELLO, role=2))
    good("hello of a client that comes back", "HELLO", 2,
         **dict(HELLO, role=2, number=7, name="cli", submit_confirmed=41, done_confirmed=12))
    good("hello of a worker", "HELLO", 1, **WORKER)
    good("hello of a worker that holds jobs", "HELLO", 3,
         **dict(WORKER, number=9, strict=1, draining=1, held_ids=[ID, ID + 256], held_runs=[1, 3],
                held_ms=[1500, 2**32 - 1], results_next=18))
    good("second part of a long hello", "HELLO", 4,
         **dict(HELLO, number=10, slots=64, queues=["default"], kinds=["*"], part=1, parts=2, held_ids=[ID + 512]))
    good("welcome to a worker", "WELCOME", 1, version=1, epoch=5, hello=1, heartbeat_ms=1000, lease_ms=10000,
         max_payload=262144, reconnect_spread_ms=2000, feed="tcp://127.0.0.1:7672", broker="0.1.0",
         results_window=67108864, results_next=18)
    good("welcome to a client", "WELCOME", 1, version=1, epoch=5, hello=1, heartbeat_ms=1000, lease_ms=10000,
         max_payload=262144, reconnect_spread_ms=2000, window=64, window_bytes=8388608)
    good("heartbeat of a worker", "HEARTBEAT")
    good("heartbeat of the broker", "HEARTBEAT", epoch=5)
    good("goodbye", "GOODBYE", 12)
    good("unknown", "UNKNOWN", epoch=6)
    good("error", "ERROR", 9, code="unknown_type", text="type 60 is unknown")
    good("cancel from a client", "CANCEL", 21, ids=[ID])
    good("cancel to a worker", "CANCEL", ids=[ID, ID + 256], runs=[1, 2])


def make_valid_worker():
    good("credit", "CREDIT", hello=1, credit=12)
    good("credit of none", "CREDIT", hello=1, credit=0)
    good("jobs as first id and count", "JOBS", **JOBS)
    good("jobs of two lanes with every column", "JOBS", epoch=5, hello=2, count=3, ids=[ID + 512, ID, U64],
         runs=[1, 2, 2**32 - 1], queues=["default", "mail"], kinds=["a", "b"], lanes=[0, 1, 1], attempts=[1, 2, 3],
         run_timeouts_ms=[1000, 2000, 4294967294], arg_lengths=[1, 0, 2], args=b"\xc0\xcc\xff",
         meta_lengths=[0, 3, 0], metas=b"abc")
    good("results, all completed", "RESULTS", **RESULTS)
    good("results with every column", "RESULTS", hello=2, number=18, count=3, first_id=ID, runs=[1, 1, 2],
         outcomes=[0, 1, 5], result_lengths=[1, 0, 0], results=b"\xc3", detail_lengths=[0, len(DETAIL), 0],
         details=DETAIL, run_us=[1200, 90000, 0])
    good("results acknowledged", "RESULTS_ACK", number=18)
    good("abandon", "ABANDON", ids=[ID], runs=[4])


def make_valid_client():
    good("submit of two jobs", "SUBMIT", 5, **SUBMIT)
    good("submit with every option", "SUBMIT", 6, number=2, confirmed=1, queue="mail", kind="email.send", priority=0,
         delay_ms=60000, max_attempts=3, backoff_kind=1, backoff_base_ms=2000, backoff_cap_ms=3600000,
         backoff_jitter_permille=0, run_timeout_ms=5000, expires_in_ms=86400000, group="", meta=b"trace=1", notify=1,
         count=2, arg_lengths=[1, 1], args=b"\x01\x02", key_lengths=[0, 7], keys=b"order-9")
    good("submit at a time", "SUBMIT", 7, **dict(SUBMIT, number=3, at_ms=1795338900123))
    good("submit acknowledged, all new", "SUBMIT_ACK", 5, number=1, count=2, first_id=ID)
    good("submit acknowledged with a duplicate and a conflict", "SUBMIT_ACK", 6, number=2, count=3,
         ids=[ID, ID + 256, ID + 1024], outcomes=[0, 1, 2])
    good("busy", "BUSY", 7, number=3, reason="busy", retry_ms=250, text="uncommitted bytes are over their limit")
    good("busy for ever", "BUSY", 8, number=4, reason="too_big")
    good("done", "DONE", **DONE)
    good("done with results and details", "DONE",
         **dict(DONE, result_lengths=[1, 0], results=b"\xc3", detail_lengths=[0, len(DETAIL)], details=DETAIL))
    good("done acknowledged", "DONE_ACK", number=2)
    good("get", "GET", 22, ids=[ID, ID + 256])
    good("wait", "WAIT", 23, ids=[ID], hold_ms=30000)
    good("list of everything", "LIST", 24)
    good("list with filters", "LIST", 25, state="parked", queue="mail", kind="email.send", after=ID, limit=1000)
    good("parked: retry by id", "PARKED", 26, action=1, ids=[ID])
    good("parked: delete all of a queue", "PARKED", 27, action=2, all=1, queue="mail", after=ID)
    good("pause", "PAUSE", 28, queue="mail", paused=1)
    good("resume", "PAUSE", 29, queue="mail", paused=0)
    good("queues", "QUEUES", 30)
    good("workers", "WORKERS", 31)
    good("stats", "STATS", 32)
    good("snapshot", "SNAPSHOT", 33)
    good("reply that is done", "REPLY", 28)
    good("reply with a body", "REPLY", 30, body=array([mapping([(text("queue"), text("mail"))])]))
    good("reply that goes on", "REPLY", 25, body=array([]), more=1, after=ID)
    good("reply to a snapshot", "REPLY", 33, body=array([]), epoch=5, turn=99)
    good("reply that refuses", "REPLY", 22, code="not_found", text="no job has this id")


def make_valid_feed():
    item = mapping([(text("topic"), text("job.completed.mail")), (text("id"), text("1k8dmk"))])
    good("events", "EVENTS", epoch=5, turn=99, previous=80, count=1, items=array([item]))
    good("events that are only counted", "EVENTS", epoch=5, turn=100, previous=99, count=31000, elided=1)
    good("beat", "BEAT", epoch=5, turn=101, topics=["job.completed.mail", "worker.lost"], turns=[100, 7])
    good("beat of nothing watched", "BEAT", epoch=5, turn=102)
    good("sync", "SYNC", epoch=5, turn=102)


def make_valid_forms():
    """The same meaning in other bytes."""
    fields = dict(hello=1, credit=12)
    good("keys from 64 on are passed over", "CREDIT", 0, frame("CREDIT", fields, extra=[
        (num(64), text("new")), (num(200), array([num(1), mapping([(text("a"), b"\xca\x3f\x80\x00\x00")])])),
        (num(U64), b"\xc0")]), **fields)
    good("keys in another order", "CREDIT", 0, frame("CREDIT", dict(credit=12, hello=1)), **fields)
    good("integers longer than they need be", "CREDIT", 3, array([
        b"\xcd\x00\x08", b"\xd0\x01", b"\xcf" + struct.pack(">Q", 3),
        mapping([(b"\xd3" + struct.pack(">q", 1), b"\xd1\x00\x01"), (b"\xcc\x02", b"\xce\x00\x00\x00\x0c")])]), **fields)
    good("headers longer than they need be", "PAUSE", 0,
         b"\xdd\x00\x00\x00\x04\x1c\x01\x00\xdf\x00\x00\x00\x02\x01\xdb\x00\x00\x00\x01q\x02\x00", queue="q", paused=0)
    good("names in UTF-8", "ERROR", 0, code="x", text="caf\u00e9 \u20ac \U0001f600")
    good("the greatest numbers", "SYNC", U64 // 2, epoch=U64, turn=U64)
    good("a queue name at its limit", "PAUSE", 0, queue="q" * 128, paused=1)


def make_invalid_frames():
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


def make_invalid_headers():
    """Headers that promise more than the frame holds."""
    head = b"\x94\x1c\x01\x00"
    bad("an array of 2^32-1", "malformed", b"\xdd\xff\xff\xff\xff")
    bad("a map of 2^32-1 pairs", "malformed", head + b"\xdf\xff\xff\xff\xff")
    bad("a map of 15 pairs with two", "malformed", head + b"\x8f\x01\xa1q\x02\x00")
    bad("a str of 2^32-1 bytes", "malformed", head + b"\x82\x01\xdb\xff\xff\xff\xffq\x02\x00")
    bad("a bin of 2^32-1 bytes", "malformed", b"\x94\x18\x01\x00\x81\x01\xc6\xff\xff\xff\xff")
    bad("an array of 2^32-1 strings", "malformed", frame("BEAT", dict(epoch=1, turn=1, topics=Raw(b"\xdd\xff\xff\xff\xff"))))
    bad("a header without its length", "malformed", head + b"\x82\x01\xda\x00")
    bad("nested far too deep under a key that is passed over", "malformed",
        frame("QUEUES", {}, extra=[(num(64), b"\x91" * 200 + b"\xc0")]))
    bad("nested arrays that each promise 2^32-1", "malformed",
        frame("QUEUES", {}, extra=[(num(64), b"\xdd\xff\xff\xff\xff" * 31)]))
    bad("an ext value under a key that is passed over", "malformed",
        frame("QUEUES", {}, extra=[(num(64), b"\xc7\x01\x05\x00")]))
    bad("more pairs than a map may have", "malformed",
        frame("QUEUES", {}, extra=[(num(64 + i), b"\xc0") for i in range(129)]))
    bad("more unknown keys than a map may have", "malformed",
        frame("QUEUES", {}, extra=[(num(64 + i), b"\xc0") for i in range(65)]))


def make_invalid_fields():
    credit, pause = dict(hello=1, credit=12), dict(queue="q", paused=1)
    bad_message("an unknown key that must be understood", "unknown_field", "CREDIT", credit, extra=[(num(63), b"\xc0")])
    bad_message("key 0", "unknown_field", "CREDIT", credit, extra=[(num(0), b"\xc0")])
    bad_message("a key twice", "malformed", "CREDIT", credit, extra=[(num(2), num(13))])
    bad_message("an unknown key twice", "malformed", "CREDIT", credit, extra=[(num(70), num(1)), (num(70), num(1))])
    bad_message("a key that is a str", "malformed", "CREDIT", credit, extra=[(text("credit"), num(1))])
    bad_message("a negative key", "malformed", "CREDIT", credit, extra=[(b"\xff", num(1))])
    bad_message("a field missing", "malformed", "CREDIT", credit, drop=["credit"])
    bad_message("a number that is a str", "malformed", "CREDIT", credit, credit=Raw(text("12")))
    bad_message("a number that is negative", "malformed", "CREDIT", credit, credit=Raw(b"\xff"))
    bad_message("a number that is a float", "malformed", "CREDIT", credit, credit=Raw(b"\xcb" + struct.pack(">d", 12)))
    bad_message("a number that is nil", "malformed", "CREDIT", credit, credit=Raw(b"\xc0"))
    bad_message("a number over its limit", "too_big", "CREDIT", credit, credit=1000001)
    bad_message("a flag of 2", "too_big", "PAUSE", pause, paused=2)
    bad_message("a name that is a bin", "malformed", "PAUSE", pause, queue=Raw(bin_(b"q")))
    bad_message("a name over its limit", "too_big", "PAUSE", pause, queue="q" * 129)
    bad_message("a name with a NUL", "malformed", "PAUSE", pause, queue="q\0")
    for label, data in (("a lone continuation byte", b"\x80"), ("a cut sequence", b"q\xc3"), ("an overlong form", b"\xc0\xaf"),
                        ("a surrogate", b"\xed\xa0\x80"), ("a value above U+10FFFF", b"\xf4\x90\x80\x80")):
        bad_message("a name with " + label, "malformed", "PAUSE", pause, queue=Raw(text(data)))
    bad_message("a payload that is a str", "malformed", "REPLY", {}, body=Raw(text("x")))
    bad_message("a column that is an array", "malformed", "GET", {}, ids=Raw(array([num(1)])))
    bad_message("a column cut inside an entry", "malformed", "GET", {}, ids=Raw(bin_(b"1234567")))
    bad_message("a column over its limit", "too_big", "GET", {}, ids=[1] * 1001)
    bad_message("strings that are a str", "malformed", "HELLO", WORKER, queues=Raw(text("default")), drop=["weights"])
    bad_message("strings of which one is a number", "malformed", "HELLO", WORKER, queues=Raw(array([text("a"), num(1)])))
    bad_message("strings of which one is too long", "too_big", "HELLO", WORKER, queues=["a", "q" * 256])
    bad_message("more strings than the limit", "too_big", "HELLO", WORKER, queues=["q"] * 257, drop=["weights"])


def make_invalid_rules():
    bad_message("another magic", "malformed", "HELLO", HELLO, magic="MASTER")
    bad_message("a session of 15 bytes", "malformed", "HELLO", HELLO, session=SESSION[:15])
    bad_message("a session of 17 bytes", "too_big", "HELLO", HELLO, session=SESSION + b"x")
    bad_message("role 0", "malformed", "HELLO", HELLO, role=0)
    bad_message("role 3", "too_big", "HELLO", HELLO, role=3)
    bad_message("versions the wrong way round", "malformed", "HELLO", HELLO, version_min=2)
    bad_message("weights for other queues", "malformed", "HELLO", WORKER, weights=[1, 2, 3])
    bad_message("a part beyond the parts", "malformed", "HELLO", HELLO, part=2, parts=2)
    bad_message("runs of other held jobs", "malformed", "HELLO", WORKER, held_ids=[ID], held_runs=[1, 1])
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
    bad_message("jobs with a meta over its limit", "too_big", "JOBS", JOBS, meta_lengths=[0, 1025], metas=b"m" * 1025)
    bad_message("results of none", "malformed", "RESULTS", RESULTS, count=0, ids=[])
    bad_message("results with an outcome too few", "malformed", "RESULTS", RESULTS, outcomes=[0])
    bad_message("results with an unknown outcome", "malformed", "RESULTS", RESULTS, outcomes=[0, 8])
    bad_message("results shorter than their lengths", "malformed", "RESULTS", RESULTS, result_lengths=[1, 1], results=b"\xc0")
    bad_message("result lengths whose sum wraps 32 bits", "malformed", "RESULTS", RESULTS,
                result_lengths=[2**32 - 1, 2], results=b"\xc0")
    bad_message("details longer than their lengths", "malformed", "RESULTS", RESULTS, detail_lengths=[0, 0], details=DETAIL)
    bad_message("submit of none", "malformed", "SUBMIT", SUBMIT, count=0, arg_lengths=[], args=b"")
    bad_message("submit of 513 jobs", "too_big", "SUBMIT", SUBMIT, count=513)
    bad_message("submit with a length too few", "malformed", "SUBMIT", SUBMIT, arg_lengths=[len(ARGS) + 1])
    bad_message("submit with args cut short", "malformed", "SUBMIT", SUBMIT, args=ARGS)
    bad_message("submit with an idempotency key over its limit", "too_big", "SUBMIT", SUBMIT, key_lengths=[257, 0], keys=b"k" * 257)
    bad_message("submit with keys and no lengths", "malformed", "SUBMIT", SUBMIT, keys=b"k")
    bad_message("submit with a meta over its limit", "too_big", "SUBMIT", SUBMIT, meta=b"m" * 1025)
    bad_message("submit with priority 10", "too_big", "SUBMIT", SUBMIT, priority=10)
    bad_message("submit with a negative delay", "malformed", "SUBMIT", SUBMIT, delay_ms=Raw(b"\xff"))
    bad_message("submit acknowledged without ids", "malformed", "SUBMIT_ACK", dict(number=1, count=2))
    bad_message("submit acknowledged with an unknown outcome", "malformed", "SUBMIT_ACK",
                dict(number=1, count=1, first_id=ID, outcomes=[3]))
    bad_message("done of none", "malformed", "DONE", dict(number=1, count=0, ids=[], states=[]))
    bad_message("done with a state too few", "malformed", "DONE", DONE, states=[3])
    bad_message("done with a job that runs", "malformed", "DONE", DONE, states=[3, 2])
    bad_message("parked without an action", "malformed", "PARKED", dict(action=0, ids=[ID]))
    bad_message("beat with other turns", "malformed", "BEAT", dict(epoch=1, turn=1, topics=["a"], turns=[1, 2]))


def write(name, rows):
    with open(os.path.join(HERE, name), "w", encoding="ascii") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")


def main():
    for make in (make_valid_sessions, make_valid_worker, make_valid_client, make_valid_feed, make_valid_forms,
                 make_invalid_frames, make_invalid_headers, make_invalid_fields, make_invalid_rules):
        make()
    assert {row["type"] for row in valid} == set(MESSAGES), "a message has no example"
    write("valid.jsonl", valid)
    write("invalid.jsonl", invalid)


if __name__ == "__main__":
    main()

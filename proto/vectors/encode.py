"""msgpack and the protocol's messages by hand, and what the examples share."""
import struct

U64 = 2**64 - 1


class Raw(bytes):
    """Bytes that are msgpack already."""


def num(value):
    for limit, head, form in (
        (0x80, None, ">B"),
        (2**8, 0xCC, ">B"),
        (2**16, 0xCD, ">H"),
        (2**32, 0xCE, ">I"),
        (2**64, 0xCF, ">Q"),
    ):
        if value < limit:
            return (b"" if head is None else bytes([head])) + struct.pack(form, value)
    raise ValueError(value)


def sized(length, heads):
    for limit, head, form in heads:
        if length < limit:
            return (
                bytes([head | length])
                if form is None
                else bytes([head]) + struct.pack(form, length)
            )
    raise ValueError(length)


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return (
        sized(
            len(data),
            ((32, 0xA0, None), (2**8, 0xD9, ">B"), (2**16, 0xDA, ">H"), (2**32, 0xDB, ">I")),
        )
        + data
    )


def bin_(data):
    return (
        sized(len(data), ((2**8, 0xC4, ">B"), (2**16, 0xC5, ">H"), (2**32, 0xC6, ">I")))
        + data
    )


def array(items):
    return sized(len(items), ((16, 0x90, None), (2**16, 0xDC, ">H"))) + b"".join(items)


def mapping(pairs):
    return sized(len(pairs), ((16, 0x80, None), (2**16, 0xDE, ">H"))) + b"".join(
        k + v for k, v in pairs
    )


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

# The messages as PROTOCOL.md numbers them: name, type, then key:field:KIND.
TABLE = """
HELLO 1 1:magic:STR 2:version_min:NUM 3:version_max:NUM 4:role:NUM 5:session:BIN 6:number:NUM
    7:name:STR 8:host:STR 9:pid:NUM 10:capabilities:NUM 16:slots:NUM 17:queues:STRS
    18:weights:COL32 19:strict:NUM 20:kinds:STRS 21:draining:NUM 22:part:NUM 23:parts:NUM
    24:held_ids:COL64 25:held_runs:COL32 26:held_ms:COL32 27:results_next:NUM
    40:submit_confirmed:NUM 41:done_confirmed:NUM
WELCOME 2 1:version:NUM 2:epoch:NUM 3:hello:NUM 4:heartbeat_ms:NUM 5:lease_ms:NUM
    6:max_payload:NUM 7:reconnect_spread_ms:NUM 8:feed:STR 9:broker:STR 10:results_window:NUM
    11:results_next:NUM 12:window:NUM 13:window_bytes:NUM
    14:shard:NUM
HEARTBEAT 3 1:epoch:NUM
GOODBYE 4
UNKNOWN 5 1:epoch:NUM
ERROR 6 1:code:STR 2:text:STR
CANCEL 7 1:ids:COL64 2:runs:COL32 3:all:NUM 4:queue:STR 5:kind:STR 6:state:STR 7:cursor:BIN
CREDIT 8 1:hello:NUM 2:credit:NUM
JOBS 9 1:epoch:NUM 2:hello:NUM 3:count:NUM 4:first_id:NUM 5:ids:COL64 6:runs:COL32 7:queues:STRS
    8:kinds:STRS 9:lanes:COL32 10:attempts:COL32 11:run_timeouts_ms:COL32 12:arg_lengths:COL32
    13:args:BIN 14:meta_lengths:COL32 15:metas:BIN 16:schedules:STRS 17:schedule_of:COL32
    18:nominals_ms:COL64
RESULTS 10 1:hello:NUM 2:number:NUM 3:count:NUM 4:first_id:NUM 5:ids:COL64 6:runs:COL32
    7:outcomes:COL8 8:result_lengths:COL32 9:results:BIN 10:detail_lengths:COL32 11:details:BIN
    12:run_us:COL32
RESULTS_ACK 11 1:number:NUM
ABANDON 12 1:ids:COL64 2:runs:COL32
SUBMIT 16 1:number:NUM 2:confirmed:NUM 3:queue:STR 4:kind:STR 5:priority:NUM 6:delay_ms:NUM
    7:at_ms:NUM 8:max_attempts:NUM 9:backoff_kind:NUM 10:backoff_base_ms:NUM
    11:backoff_cap_ms:NUM 12:backoff_jitter_permille:NUM 13:run_timeout_ms:NUM
    14:expires_in_ms:NUM 15:group:STR 16:meta:BIN 17:notify:NUM 18:count:NUM
    19:arg_lengths:COL32 20:args:BIN 21:key_lengths:COL32 22:keys:BIN
SUBMIT_ACK 17 1:number:NUM 2:count:NUM 3:first_id:NUM 4:ids:COL64 5:outcomes:COL8
BUSY 18 1:number:NUM 2:reason:STR 3:retry_ms:NUM 4:text:STR
DONE 19 1:number:NUM 2:count:NUM 3:ids:COL64 4:states:COL8 5:result_lengths:COL32 6:results:BIN
    7:detail_lengths:COL32 8:details:BIN
DONE_ACK 20 1:number:NUM
GET 24 1:ids:COL64
WAIT 25 1:ids:COL64 2:hold_ms:NUM
LIST 26 1:state:STR 2:queue:STR 3:kind:STR 4:after:NUM 5:limit:NUM
PARKED 27 1:action:NUM 2:ids:COL64 3:all:NUM 4:queue:STR 5:kind:STR 6:after:NUM
PAUSE 28 1:queue:STR 2:paused:NUM
QUEUES 29
WORKERS 30
STATS 31
SNAPSHOT 32
REPLY 33 1:code:STR 2:text:STR 3:body:BIN 4:more:NUM 5:after:NUM 6:epoch:NUM 7:turn:NUM 8:cursor:BIN
BACKUP 34 1:directory:STR 2:token:NUM 3:hold_ms:NUM
SCHEDULE_PUT 35 1:source:STR 2:count:NUM 3:lengths:COL32 4:schedules:BIN
SCHEDULES 36 1:name:STR 2:epoch:NUM 3:after:NUM 4:limit:NUM 5:hold_ms:NUM
SCHEDULE_ACT 37 1:action:NUM 2:names:STRS 3:source:STR
FIRE 38 1:epoch:NUM 2:count:NUM 3:revisions:COL64 4:previous_ms:COL64 5:nominals_ms:COL64
    6:asks:COL8 7:firsts_ms:COL64 8:counts:COL32 9:mode:NUM 10:overlap:NUM
LEDGER 39 1:name:STR 2:before_ms:NUM 3:from_ms:NUM 4:limit:NUM
EVENTS 40 1:epoch:NUM 2:turn:NUM 3:previous:NUM 4:count:NUM 5:elided:NUM 6:items:BIN
BEAT 41 1:epoch:NUM 2:turn:NUM 3:topics:STRS 4:turns:COL64 5:forgotten:NUM
SYNC 42 1:epoch:NUM 2:turn:NUM
NOTICE 43 1:source:STR 2:code:STR 3:text:STR
"""


def read_table():
    """{message: (type, {field: (key, kind)})}"""
    messages = {}
    for row in TABLE.replace("\n    ", " ").split("\n"):
        words = row.split()
        if words:
            fields = (word.split(":") for word in words[2:])
            messages[words[0]] = (int(words[1]), {f: (int(key), kind) for key, f, kind in fields})
    return messages


MESSAGES = read_table()


def pairs(message, fields):
    """The map's pairs; a Raw value stands for itself."""
    table = MESSAGES[message][1]
    return [
        (num(table[f][0]), v if isinstance(v, Raw) else KINDS[table[f][1]][0](v))
        for f, v in fields.items()
    ]


def frame(message, fields, request=0, version=1, extra=()):
    return array(
        [
            num(MESSAGES[message][0]),
            num(version),
            num(request),
            mapping(pairs(message, fields) + list(extra)),
        ]
    )


SESSION = bytes(range(0xA0, 0xB0))
ID = (1795338900123 << 14) << 8 | 1  # a job id of 2026-11-22, shard 1
ARGS = mapping([(text("to"), text("ann@example.org"))])
DETAIL = mapping(
    [
        (num(1), text("exit_3")),
        (num(2), text("no such user")),
        (num(3), bin_(b"trace\n")),
        (num(4), num(3)),
    ]
)
NOMINAL = 1774746000000  # 2026-03-29T01:00:00Z
SCHEDULE = mapping(
    [
        (num(1), text("nightly")),
        (num(2), text("0 3 * * *")),
        (num(4), text("Europe/Berlin")),
        (num(5), text("default")),
        (num(6), text("report.daily")),
        (num(7), bin_(ARGS)),
        (num(21), num(2)),
    ]
)
EVERY = mapping(
    [(num(1), text("tick")), (num(3), num(90)), (num(5), text("default")), (num(6), text("t"))]
)

HELLO = dict(magic="MUSTER", version_min=1, version_max=1, role=1, session=SESSION, number=1)
WORKER = dict(
    HELLO,
    name="worker-1",
    host="h1",
    pid=4711,
    slots=4,
    queues=["default", "mail"],
    weights=[1, 3],
    kinds=["email.send", "*"],
)
JOBS = dict(
    epoch=5,
    hello=1,
    count=2,
    first_id=ID,
    queues=["default"],
    kinds=["email.send"],
    arg_lengths=[len(ARGS), 1],
    args=ARGS + b"\xc0",
)
RESULTS = dict(hello=1, number=1, count=2, ids=[ID, ID + 512])
SUBMIT = dict(
    number=1,
    queue="default",
    kind="email.send",
    count=2,
    arg_lengths=[len(ARGS), 1],
    args=ARGS + b"\xc0",
)
DONE = dict(number=2, count=2, ids=[ID, ID + 256], states=[3, 6])
SCHEDULE_PUT = dict(
    source="team.yaml",
    count=2,
    lengths=[len(SCHEDULE), len(EVERY)],
    schedules=SCHEDULE + EVERY,
)
FIRE = dict(
    epoch=5,
    count=2,
    revisions=[41, 42],
    previous_ms=[NOMINAL - 86400000, 0],
    nominals_ms=[NOMINAL, NOMINAL],
)

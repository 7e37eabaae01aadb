"""Examples that every receiver takes."""
import struct

from encode import (
    DETAIL,
    DONE,
    FIRE,
    HELLO,
    ID,
    JOBS,
    KINDS,
    MESSAGES,
    NOMINAL,
    RESULTS,
    SCHEDULE_PUT,
    SUBMIT,
    U64,
    WORKER,
    array,
    frame,
    mapping,
    num,
    text,
)

rows = []


def good(label, message, request=0, data=None, /, **fields):
    table = MESSAGES[message][1]
    shown = {f: KINDS[table[f][1]][1](v) for f, v in fields.items()}
    rows.append(
        {
            "name": label,
            "frames": [(data or frame(message, fields, request)).hex()],
            "type": message,
            "request": request,
            "fields": shown,
        }
    )


def make_sessions():
    good("hello of a client", "HELLO", 1, **dict(HELLO, role=2))
    good(
        "hello of a client that comes back",
        "HELLO",
        2,
        **dict(HELLO, role=2, number=7, name="cli", submit_confirmed=41, done_confirmed=12),
    )
    good("hello of a worker", "HELLO", 1, **WORKER)
    good(
        "hello of a worker that holds jobs",
        "HELLO",
        3,
        **dict(
            WORKER,
            number=9,
            strict=1,
            draining=1,
            held_ids=[ID, ID + 256],
            held_runs=[1, 3],
            held_ms=[1500, 2**32 - 1],
            results_next=18,
        ),
    )
    good(
        "second part of a long hello",
        "HELLO",
        4,
        **dict(
            HELLO,
            number=10,
            slots=64,
            queues=["default"],
            kinds=["*"],
            part=1,
            parts=2,
            held_ids=[ID + 512],
        ),
    )
    good(
        "welcome to a worker",
        "WELCOME",
        1,
        version=1,
        epoch=5,
        hello=1,
        heartbeat_ms=1000,
        lease_ms=10000,
        max_payload=262144,
        reconnect_spread_ms=2000,
        feed="tcp://127.0.0.1:7672",
        broker="0.1.0",
        results_window=67108864,
        results_next=18,
    )
    good(
        "welcome to a client",
        "WELCOME",
        1,
        version=1,
        epoch=5,
        hello=1,
        heartbeat_ms=1000,
        lease_ms=10000,
        max_payload=262144,
        reconnect_spread_ms=2000,
        window=64,
        window_bytes=8388608,
    )
    good(
        "welcome to a client of another shard",
        "WELCOME",
        1,
        version=1,
        epoch=5,
        hello=1,
        heartbeat_ms=1000,
        lease_ms=10000,
        max_payload=262144,
        reconnect_spread_ms=2000,
        window=64,
        window_bytes=8388608,
        shard=255,
    )
    good("heartbeat of a worker", "HEARTBEAT")
    good("heartbeat of the broker", "HEARTBEAT", epoch=5)
    good("goodbye", "GOODBYE", 12)
    good("unknown", "UNKNOWN", epoch=6)
    good("error", "ERROR", 9, code="unknown_type", text="type 60 is unknown")
    good("cancel from a client", "CANCEL", 21, ids=[ID])
    good("cancel by filter, first slice", "CANCEL", 34, all=1, queue="mail", kind="email.send")
    good("cancel by filter, going on", "CANCEL", 35, all=1, state="ready", cursor=b"\x01\x00")
    good("cancel to a worker", "CANCEL", ids=[ID, ID + 256], runs=[1, 2])


def make_worker():
    good("credit", "CREDIT", hello=1, credit=12)
    good("credit of none", "CREDIT", hello=1, credit=0)
    good("jobs as first id and count", "JOBS", **JOBS)
    good(
        "jobs of two lanes with every column",
        "JOBS",
        epoch=5,
        hello=2,
        count=3,
        ids=[ID + 512, ID, U64],
        runs=[1, 2, 2**32 - 1],
        queues=["default", "mail"],
        kinds=["a", "b"],
        lanes=[0, 1, 1],
        attempts=[1, 2, 3],
        run_timeouts_ms=[1000, 2000, 4294967294],
        arg_lengths=[1, 0, 2],
        args=b"\xc0\xcc\xff",
        meta_lengths=[0, 3, 0],
        metas=b"abc",
    )
    good(
        "jobs of which one is a run of a schedule",
        "JOBS",
        **dict(JOBS, schedules=["nightly"], schedule_of=[0, 1], nominals_ms=[0, NOMINAL]),
    )
    good("results, all completed", "RESULTS", **RESULTS)
    good(
        "results with every column",
        "RESULTS",
        hello=2,
        number=18,
        count=3,
        first_id=ID,
        runs=[1, 1, 2],
        outcomes=[0, 1, 5],
        result_lengths=[1, 0, 0],
        results=b"\xc3",
        detail_lengths=[0, len(DETAIL), 0],
        details=DETAIL,
        run_us=[1200, 90000, 0],
    )
    good("results acknowledged", "RESULTS_ACK", number=18)
    good("abandon", "ABANDON", ids=[ID], runs=[4])


def make_client():
    good("submit of two jobs", "SUBMIT", 5, **SUBMIT)
    good(
        "submit with every option",
        "SUBMIT",
        6,
        number=2,
        confirmed=1,
        queue="mail",
        kind="email.send",
        priority=0,
        delay_ms=60000,
        max_attempts=3,
        backoff_kind=1,
        backoff_base_ms=2000,
        backoff_cap_ms=3600000,
        backoff_jitter_permille=0,
        run_timeout_ms=5000,
        expires_in_ms=86400000,
        group="",
        meta=b"trace=1",
        notify=1,
        count=2,
        arg_lengths=[1, 1],
        args=b"\x01\x02",
        key_lengths=[0, 7],
        keys=b"order-9",
    )
    good("submit at a time", "SUBMIT", 7, **dict(SUBMIT, number=3, at_ms=1795338900123))
    good("submit acknowledged, all new", "SUBMIT_ACK", 5, number=1, count=2, first_id=ID)
    good(
        "submit acknowledged with a duplicate and a conflict",
        "SUBMIT_ACK",
        6,
        number=2,
        count=3,
        ids=[ID, ID + 256, ID + 1024],
        outcomes=[0, 1, 2],
    )
    good(
        "busy",
        "BUSY",
        7,
        number=3,
        reason="busy",
        retry_ms=250,
        text="uncommitted bytes are over their limit",
    )
    good("busy for ever", "BUSY", 8, number=4, reason="too_big")
    good("done", "DONE", **DONE)
    good(
        "done with results and details",
        "DONE",
        **dict(
            DONE,
            result_lengths=[1, 0],
            results=b"\xc3",
            detail_lengths=[0, len(DETAIL)],
            details=DETAIL,
        ),
    )
    good("done acknowledged", "DONE_ACK", number=2)
    good("get", "GET", 22, ids=[ID, ID + 256])
    good("wait", "WAIT", 23, ids=[ID], hold_ms=30000)
    good("list of everything", "LIST", 24)
    good(
        "list with filters",
        "LIST",
        25,
        state="parked",
        queue="mail",
        kind="email.send",
        after=ID,
        limit=1000,
    )
    good("parked: retry by id", "PARKED", 26, action=1, ids=[ID])
    good("parked: delete all of a queue", "PARKED", 27, action=2, all=1, queue="mail", after=ID)
    good("pause", "PAUSE", 28, queue="mail", paused=1)
    good("resume", "PAUSE", 29, queue="mail", paused=0)
    good("queues", "QUEUES", 30)
    good("workers", "WORKERS", 31)
    good("stats", "STATS", 32)
    good("snapshot", "SNAPSHOT", 33)
    good("backup", "BACKUP", 34, directory="/var/backups/muster", token=2**63 + 5, hold_ms=500)
    good("backup, held as long as may be", "BACKUP", 35, directory="/b", token=1)
    good("reply that is done", "REPLY", 28)
    good("reply with a body", "REPLY", 30, body=array([mapping([(text("queue"), text("mail"))])]))
    good("reply that goes on", "REPLY", 25, body=array([]), more=1, after=ID)
    good("reply to a cancel by filter", "REPLY", 34, body=mapping([]), more=1, cursor=b"\x01\x00")
    good("reply to a snapshot", "REPLY", 33, body=array([]), epoch=5, turn=99)
    good("reply that refuses", "REPLY", 22, code="not_found", text="no job has this id")


def make_schedules():
    good("schedules are put", "SCHEDULE_PUT", 36, **SCHEDULE_PUT)
    good("all schedules", "SCHEDULES", 37)
    good("one schedule", "SCHEDULES", 38, name="nightly", limit=1)
    good("schedules that change from now on", "SCHEDULES", 39, epoch=5, after=42, hold_ms=60000)
    good("schedules are paused", "SCHEDULE_ACT", 40, action=1, names=["nightly", "tick"])
    good(
        "schedules that left a file",
        "SCHEDULE_ACT",
        41,
        action=3,
        names=["old"],
        source="team.yaml",
    )
    good("nominal times are due", "FIRE", 42, **FIRE)
    good(
        "a span of missed ones, the newest, and what a gap dropped",
        "FIRE",
        43,
        epoch=5,
        count=3,
        revisions=[41, 41, 42],
        previous_ms=[NOMINAL - 86400000, NOMINAL - 999, NOMINAL],
        nominals_ms=[NOMINAL - 999, NOMINAL, NOMINAL + 999],
        asks=[1, 0, 2],
        firsts_ms=[NOMINAL - 50000, 0, 0],
        counts=[49, 0, 3],
    )
    good(
        "backfill",
        "FIRE",
        44,
        epoch=5,
        count=1,
        revisions=[41],
        nominals_ms=[NOMINAL],
        mode=1,
        overlap=0,
    )
    good("trigger", "FIRE", 45, epoch=5, count=1, revisions=[41], nominals_ms=[0], mode=2)
    good("the newest rows of a ledger", "LEDGER", 46, name="nightly")
    good(
        "rows of a ledger between two times",
        "LEDGER",
        47,
        name="nightly",
        before_ms=NOMINAL,
        from_ms=NOMINAL - 86400000,
        limit=1000,
    )
    good(
        "a file that broke",
        "NOTICE",
        48,
        source="team.yaml",
        code="invalid",
        text="team.yaml:3:9: caf\u00e9 is no field",
    )


def make_feed():
    item = mapping([(text("topic"), text("job.completed.mail")), (text("id"), text("1k8dmk"))])
    good("events", "EVENTS", epoch=5, turn=99, previous=80, count=1, items=array([item]))
    good(
        "events that are only counted",
        "EVENTS",
        epoch=5,
        turn=100,
        previous=99,
        count=31000,
        elided=1,
    )
    good(
        "beat",
        "BEAT",
        epoch=5,
        turn=101,
        topics=["job.completed.mail", "worker.lost"],
        turns=[100, 7],
    )
    good("beat of nothing watched", "BEAT", epoch=5, turn=102)
    good("beat after topics were forgotten", "BEAT", epoch=5, turn=103, forgotten=90)
    good("sync", "SYNC", epoch=5, turn=102)


def make_forms():
    """The same meaning in other bytes."""
    fields = dict(hello=1, credit=12)
    good(
        "keys from 64 on are passed over",
        "CREDIT",
        0,
        frame(
            "CREDIT",
            fields,
            extra=[
                (num(64), text("new")),
                (num(200), array([num(1), mapping([(text("a"), b"\xca\x3f\x80\x00\x00")])])),
                (num(U64), b"\xc0"),
            ],
        ),
        **fields,
    )
    good("keys in another order", "CREDIT", 0, frame("CREDIT", dict(credit=12, hello=1)), **fields)
    good(
        "integers longer than they need be",
        "CREDIT",
        3,
        array(
            [
                b"\xcd\x00\x08",
                b"\xd0\x01",
                b"\xcf" + struct.pack(">Q", 3),
                mapping(
                    [
                        (b"\xd3" + struct.pack(">q", 1), b"\xd1\x00\x01"),
                        (b"\xcc\x02", b"\xce\x00\x00\x00\x0c"),
                    ]
                ),
            ]
        ),
        **fields,
    )
    good(
        "headers longer than they need be",
        "PAUSE",
        0,
        b"\xdd\x00\x00\x00\x04\x1c\x01\x00\xdf\x00\x00\x00\x02\x01\xdb\x00\x00\x00\x01q\x02\x00",
        queue="q",
        paused=0,
    )
    good("names in UTF-8", "ERROR", 0, code="x", text="caf\u00e9 \u20ac \U0001f600")
    good("the greatest numbers", "SYNC", U64 // 2, epoch=U64, turn=U64)
    good("a queue name at its limit", "PAUSE", 0, queue="q" * 128, paused=1)


make_sessions()
make_worker()
make_client()
make_schedules()
make_feed()
make_forms()

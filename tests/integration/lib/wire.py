"""Peers that speak the protocol by themselves: no line of the project's C is behind them.

Messages are named as in proto/messages.def, fields by their names there; what goes over the socket
is a msgpack array [type, version, request, {key: value}] in one frame.
"""
import os
import pathlib
import re
import struct
import time

import msgpack
import zmq

SOURCE = pathlib.Path(__file__).resolve().parents[3]
VERSION = 1
ROLE_WORKER, ROLE_CLIENT = 1, 2
COMPLETED, FAILED, PARKED, DISCARDED, SNOOZED, RELEASED, CANCELLED, TIMEOUT = range(8)
NOT_STARTED = 2**32 - 1
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _read_table():
    """{symbol: (type, {field: (key, kind)})}"""
    table, fields = {}, {}
    text = (SOURCE / "proto" / "messages.def").read_text()
    for what, rest in re.findall(r"^(MESSAGE|NESTED|FIELD)\(([^\n]*)", text, re.M):
        words = [word.strip(" )") for word in rest.split(",")]
        if what == "FIELD":  # message, key, kind, field ...
            fields[words[3]] = (int(words[1]), words[2])
        else:
            fields = {}
            table[words[0]] = (int(words[1]) if what == "MESSAGE" else 0, fields)
    return table


TABLE = _read_table()
BY_TYPE = {number: symbol for symbol, (number, _) in TABLE.items() if number}
COLUMNS = {"COL8": "B", "COL32": "I", "COL64": "Q"}


def column(kind, values):
    return struct.pack(f"<{len(values)}{COLUMNS[kind]}", *values)


def id_text(number):
    """An id as people see it: 13 characters of Crockford's base32."""
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(60, -1, -5))


def id_number(text):
    number = 0
    for character in text:
        number = number * 32 + ALPHABET.index(character)
    return number


def fields_map(symbol, fields):
    """Names become keys; lists become columns. A key may also be given as a number."""
    known, out = TABLE[symbol][1], {}
    for name, value in fields.items():
        if isinstance(name, int):
            out[name] = value
            continue
        key, kind = known[name]
        if kind in COLUMNS and isinstance(value, (list, tuple)):
            value = column(kind, value)
        out[key] = value
    return out


def encode(symbol, request=0, version=VERSION, fields=None, **named):
    body = fields_map(symbol, {**(fields or {}), **named})
    return msgpack.packb([TABLE[symbol][0], version, request, body], use_bin_type=True)


def nested(symbol, **named):
    return msgpack.packb(fields_map(symbol, named), use_bin_type=True)


class Message:
    """A message that came in; its fields are its attributes, None when absent."""

    def __init__(self, frame):
        self.type, self.version, self.request, body = msgpack.unpackb(frame, strict_map_key=False)
        self.symbol = BY_TYPE[self.type]
        self.fields = {}
        names = {key: (name, kind) for name, (key, kind) in TABLE[self.symbol][1].items()}
        for key, value in body.items():
            name, kind = names[key]
            if kind in COLUMNS:
                size = struct.calcsize(COLUMNS[kind])
                value = list(struct.unpack(f"<{len(value) // size}{COLUMNS[kind]}", value))
            self.fields[name] = value

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.fields.get(name)

    def __repr__(self):
        return f"{self.symbol}({self.fields})"

    def job_ids(self):
        """The ids that JOBS or SUBMIT_ACK names."""
        if self.ids is not None:
            return self.ids
        return [self.first_id + 256 * i for i in range(self.count)]


class Peer:
    """A DEALER that says exactly what it is told to."""

    def __init__(self, endpoint, session=None):
        self.endpoint = endpoint
        self.session = session or os.urandom(16)
        self.number = 0  # of the last HELLO
        self.request = 0
        self.submit_number = self.confirmed = 0
        self.backlog = []
        self.welcome = None
        self.socket = None
        self.connect()

    def connect(self):
        """Connects, or connects anew: the broker sees another route."""
        self.close()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDTIMEO, 5000)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.connect(self.endpoint)
        self.backlog = []

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None

    def send_raw(self, *frames):
        self.socket.send_multipart(frames)

    def send(self, symbol, request=0, **named):
        self.send_raw(encode(symbol, request, **named))

    def receive(self, timeout=5.0):
        """The next message, or None when the time is over."""
        if self.backlog:
            return self.backlog.pop(0)
        return self._read(timeout)

    def _read(self, timeout):
        if not self.socket.poll(max(0, int(timeout * 1000))):
            return None
        frames = self.socket.recv_multipart()
        assert len(frames) == 1, f"the broker sent {len(frames)} frames"
        return Message(frames[0])

    def expect(self, *symbols, timeout=10.0, beat=True):
        """The next message of one of these kinds; others stay for later calls, heartbeats go."""
        for i, message in enumerate(self.backlog):
            if message.symbol in symbols:
                return self.backlog.pop(i)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self._read(0.2)
            if message is None:
                if beat and self.welcome:
                    self.send("HEARTBEAT")
                continue
            if message.symbol in symbols:
                return message
            if message.symbol != "HEARTBEAT":
                self.backlog.append(message)
        raise AssertionError(f"no {' or '.join(symbols)} in {timeout} s; there were {self.backlog}")

    def nothing_but(self, *symbols, within=0.3):
        """Reads for that long; the messages that are none of these kinds."""
        found, deadline = [], time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive(left)
            if message and message.symbol not in symbols:
                found.append(message)
        return found

    def ask(self, symbol, timeout=10.0, **named):
        """A request and its REPLY: (body, message)."""
        self.request += 1
        self.send(symbol, self.request, **named)
        while True:
            reply = self.expect("REPLY", "UNKNOWN", timeout=timeout)
            assert reply.symbol == "REPLY", reply
            if reply.request == self.request:
                break
        body = msgpack.unpackb(reply.body, strict_map_key=False) if reply.body else None
        return body, reply


class Client(Peer):
    def hello(self, **more):
        self.number += 1
        fields = {"magic": "MUSTER", "version_min": 1, "version_max": 1, "role": ROLE_CLIENT,
                  "session": self.session, "number": self.number, "name": "raw-client", **more}
        self.send("HELLO", **fields)
        self.welcome = self.expect("WELCOME")
        return self

    def submit_message(self, kind, args, queue="default", number=None, keys=None, **more):
        packed = [value if isinstance(value, bytes) else msgpack.packb(value) for value in args]
        if number is None:
            self.submit_number += 1
            number = self.submit_number
        fields = {"number": number, "confirmed": self.confirmed, "queue": queue, "kind": kind,
                  "count": len(packed),
                  "arg_lengths": [len(one) for one in packed], "args": b"".join(packed), **more}
        if keys:
            keys = [key.encode() for key in keys]
            fields.update(key_lengths=[len(key) for key in keys], keys=b"".join(keys))
        return encode("SUBMIT", **fields)

    def submit(self, kind, args=({},), timeout=10.0, **more):
        """Submits one message of jobs; their ids, or the BUSY that came instead."""
        self.send_raw(self.submit_message(kind, list(args), **more))
        answer = self.expect("SUBMIT_ACK", "BUSY", timeout=timeout)
        if answer.symbol == "BUSY":
            return answer
        self.confirmed = answer.number
        return answer.job_ids()

    def jobs(self, ids):
        """{id: job} of these numbers; absent ones have None."""
        found = {}
        for start in range(0, len(ids), 200):
            part = ids[start:start + 200]
            body, reply = self.ask("GET", ids=part, timeout=30)
            assert reply.code is None, reply
            found.update(zip(part, body))
        return found

    def all_jobs(self, **filters):
        """All jobs that the broker knows, page by page."""
        found, after = [], 0
        while True:
            body, reply = self.ask("LIST", after=after, limit=200, timeout=30, **filters)
            assert reply.code is None, reply
            found += body
            if not reply.more:
                return found
            after = reply.after

    def stats(self):
        return self.ask("STATS")[0]


class Worker(Peer):
    """A worker that runs nothing: what it says of its jobs, the test decides."""

    def hello(self, queues=("default",), kinds=("*",), slots=4, held=(), credit=None,
              wait=True, **more):
        """held: (id, run, ms) of each job."""
        self.number += 1
        fields = {"magic": "MUSTER", "version_min": 1, "version_max": 1, "role": ROLE_WORKER,
                  "session": self.session, "number": self.number, "name": "raw-worker",
                  "slots": slots, "queues": list(queues), "kinds": list(kinds),
                  "results_next": 1, **more}
        if held:
            fields.update(held_ids=[one[0] for one in held], held_runs=[one[1] for one in held],
                          held_ms=[one[2] for one in held])
        self.send("HELLO", **fields)
        if not wait:
            return self
        self.welcome = self.expect("WELCOME")
        if credit is not None:
            self.credit(credit)
        return self

    def credit(self, credit):
        self.send("CREDIT", hello=self.number, credit=credit)

    def jobs(self, count, timeout=10.0):
        """{id: run} of the next `count` jobs."""
        got, deadline = {}, time.monotonic() + timeout
        while len(got) < count:
            message = self.expect("JOBS", timeout=deadline - time.monotonic())
            ids = message.job_ids()
            got.update(zip(ids, message.runs or [1] * len(ids)))
        return got

    def results(self, number, runs, outcome=COMPLETED, hello=None, **more):
        """runs: {id: run}."""
        self.send("RESULTS", hello=self.number if hello is None else hello, number=number,
                  count=len(runs), ids=list(runs), runs=list(runs.values()),
                  outcomes=[outcome] * len(runs), **more)

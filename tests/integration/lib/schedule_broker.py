"""A broker for schedulers alone, whose clock and verdicts the test decides: no line of the
project's C is behind it."""
import struct
import threading
import time

import msgpack
import zmq

from lib import wire

FIRED, SKIPPED, MISSED, WAITING, KNOWN, LATER, EARLY, BEHIND, STALE, FULL = range(10)
RUN, ASK_MISSED, ASK_GAP = range(3)


class Schedule:
    def __init__(self, name, source, revision, through, definition, paused=False):
        self.name, self.source, self.revision = name, source, revision
        self.through, self.definition, self.paused = through, definition, paused

    def told(self):
        return {"name": self.name, "source": self.source, "revision": self.revision,
                "deleted": False, "paused": self.paused, "through": self.through, "waiting": None,
                "runs": [], "last": None, "definition": self.definition}


class ScheduleBroker:
    """`ahead`: its clock minus the true one, in seconds. `rows`: (name, nominal ms, verdict, ask,
    first ms, count, seconds late) of what was judged. `verdicts`: what is answered instead, one
    after the other."""

    def __init__(self, ahead=0.0, epoch=1):
        self.ahead, self.epoch = ahead, epoch
        self.schedules, self.deleted, self.rows, self.notices = {}, {}, [], []
        self.puts, self.asked, self.verdicts = [], [], []
        self.revision = 0
        self.held = []
        self.routes = set()
        self.deaf = False
        self.lock = threading.RLock()
        self.wake_here, self.wake_there = None, None
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self.ends = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.ends = True
        self.thread.join()
        self.socket.close()

    def now(self):
        return int((time.time() + self.ahead) * 1000)

    def put(self, name, source="test", through=None, **fields):
        """As if somebody had put it."""
        definition = wire.nested("SCHEDULE", name=name, **{"queue": "default", "kind": "work",
                                                           **fields})
        with self.lock:
            self._put(name, source, definition, through)

    def restart(self):
        """Another epoch, with the same schedules."""
        with self.lock:
            self.epoch += 1

    def go_away(self):
        """Says goodbye to everybody, and hears nothing until come_back(); what it was asked before
        and has not answered is lost."""
        self.deaf = True

    def come_back(self):
        self.deaf = False

    def of(self, name):
        with self.lock:
            return [row for row in self.rows if row[0] == name]

    # ---- inside ----

    def _put(self, name, source, definition, through=None):
        known = self.schedules.get(name)
        if known and known.definition == definition:
            return False
        self.revision += 1
        self.deleted.pop(name, None)
        self.schedules[name] = Schedule(name, source, self.revision,
                                        self.now() if through is None else through, definition)
        return True

    def _serve(self):
        while not self.ends:
            if self.socket.poll(5):
                route, frame = self.socket.recv_multipart()
                message = wire.Message(frame)
                if self.deaf:
                    continue
                with self.lock:
                    self.routes.add(route)
                    answer = getattr(self, "_on_" + message.symbol.lower(), None)
                    if answer:
                        answer(route, message)
            if self.deaf:
                self._leave()
            with self.lock:
                held, self.held = self.held, []
                for route, message, until in held:
                    self._answer_schedules(route, message, until)

    def _leave(self):
        for route in self.routes:
            self._send(route, "GOODBYE")
        self.routes.clear()
        self.held.clear()

    def _send(self, route, symbol, request=0, **fields):
        self.socket.send_multipart([route, wire.encode(symbol, request, fields=fields)])

    def _reply(self, route, message, body=None, **fields):
        if body is not None:
            fields["body"] = msgpack.packb(body, use_bin_type=True)
        self._send(route, "REPLY", message.request, **fields)

    def _on_hello(self, route, message):
        self._send(route, "WELCOME", message.request, version=1, hello=message.number,
                   epoch=self.epoch, heartbeat_ms=500, lease_ms=5000, max_payload=262144,
                   reconnect_spread_ms=50, window=1024, window_bytes=8 << 20,
                   shard=0)

    def _on_heartbeat(self, route, _message):
        self._send(route, "HEARTBEAT")

    def _on_schedules(self, route, message):
        self.asked.append(message)
        self._answer_schedules(route, message, time.monotonic() + (message.hold_ms or 0) / 1000)

    def _answer_schedules(self, route, message, until):
        reset = message.epoch != self.epoch
        after = 0 if reset else message.after or 0
        found = [one.told() for one in self.schedules.values() if one.revision > after]
        found += [{"name": name, "revision": revision, "deleted": True}
                  for name, revision in self.deleted.items() if revision > after]
        found.sort(key=lambda one: one["revision"])
        page = found[:message.limit or 1000]
        if not page and not reset and time.monotonic() < until:
            self.held.append((route, message, until))
            return
        more = len(page) < len(found)
        body = {"now": self.now(), "epoch": self.epoch, "reset": reset, "schedules": page,
                "revision": page[-1]["revision"] if more else self.revision}
        self._reply(route, message, body, **({"more": 1} if more else {}))

    def _on_schedule_put(self, route, message):
        definitions, at = [], 0
        for length in message.lengths:
            definitions.append(message.schedules[at:at + length])
            at += length
        names = [msgpack.unpackb(one, strict_map_key=False)[1] for one in definitions]
        self.puts.append((message.source, names))
        changed = sum(self._put(name, message.source, definition)
                      for name, definition in zip(names, definitions))
        self._reply(route, message, {"put": len(names), "changed": changed})

    def _on_schedule_act(self, route, message):
        for name in message.names:
            if self.schedules.pop(name, None):
                self.revision += 1
                self.deleted[name] = self.revision
        self._reply(route, message, [{"name": name, "code": None} for name in message.names])

    def _on_notice(self, route, message):
        self.notices.append((message.source, message.text))
        self._reply(route, message)

    def _on_fire(self, route, message):
        verdicts, throughs, now = [], [], self.now()
        known = {one.revision: one for one in self.schedules.values()}
        for i, nominal in enumerate(message.nominals_ms):
            schedule = known.get(message.revisions[i])
            ask = message.asks[i] if message.asks else RUN
            first = message.firsts_ms[i] if message.firsts_ms else 0
            count = message.counts[i] if message.counts else 0
            verdict = self._judge(message, schedule, message.previous_ms[i], nominal, ask, now)
            verdicts.append(verdict)
            if verdict < KNOWN:
                schedule.through = nominal
                self.rows.append((schedule.name, nominal, verdict, ask, first, count,
                                  (now - nominal) / 1000))
            throughs.append(schedule.through if schedule else 0)
        count = len(verdicts)
        self._reply(route, message, {"now": now, "verdicts": bytes(verdicts),
                                     "reasons": bytes(count),
                                     "through": struct.pack(f"<{count}Q", *throughs),
                                     "jobs": bytes(8 * count)})

    def _judge(self, message, schedule, previous, nominal, ask, now):
        if message.epoch != self.epoch or not schedule:
            return STALE
        if nominal <= schedule.through:
            return KNOWN
        if previous != schedule.through:
            return BEHIND
        if nominal > now:
            return EARLY
        if self.verdicts:
            return self.verdicts.pop(0)
        return (FIRED, MISSED, SKIPPED)[ask]

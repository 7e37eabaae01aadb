"""What broken, hostile or over-long messages get: an answer that says why, or nothing; and that
nobody else notices."""
import json
import random
import socket

import msgpack

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for


def vectors(name):
    path = wire.SOURCE / "proto" / "vectors" / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


class Frames(Case):
    def setUp(self):
        super().setUp()
        self.client = self.cluster.client()
        self.worker = self.cluster.raw_worker(credit=4)

    def check_that_all_is_well(self):
        """Both peers are known as before, and a job goes through."""
        [job] = self.client.submit("work")
        run = self.worker.jobs(1)[job]
        self.done = getattr(self, "done", 0) + 1
        self.worker.results(self.done, {job: run})
        while self.worker.expect("RESULTS_ACK").number < self.done:
            pass
        self.assertEqual(self.client.jobs([job])[job]["state"], "completed")

    def test_invalid_vectors(self):
        """Each one that a single frame can show, on both sockets, says its own error."""
        count = 0
        for vector in vectors("invalid"):
            if len(vector["frames"]) != 1:
                continue
            frame = bytes.fromhex(vector["frames"][0])
            for peer in (self.client, self.worker):
                with self.subTest(vector["name"], peer=type(peer).__name__):
                    peer.send_raw(frame)
                    answer = peer.expect("ERROR", "BUSY", timeout=5)
                    told = answer.code if answer.symbol == "ERROR" else answer.reason
                    self.assertEqual(told, vector["error"], answer)
                    if answer.symbol == "BUSY":
                        self.assertIsNone(answer.retry_ms)
                    self.assertTrue(answer.text)
                    count += 1
        self.assertGreater(count, 150)
        self.assertEqual(self.client.stats()["frames_refused"], count)
        self.check_that_all_is_well()

    def test_more_than_one_frame(self):
        good = wire.encode("HEARTBEAT")
        for peer in (self.client, self.worker):
            for frames in ([good, good], [b"", good], [good, b""], [good] * 50):
                peer.send_raw(*frames)
        wait_for(lambda: self.client.stats()["frames_dropped"] >= 8, "all of them dropped")
        self.assertEqual(self.client.nothing_but("HEARTBEAT", "REPLY", within=0.1), [])
        self.check_that_all_is_well()
        wait_for(lambda: "multipart" in self.cluster.broker.log(), "a line in the log")

    def test_wrong_side(self):
        """What the other side says has no place here."""
        self.client.send("CREDIT", hello=1, credit=5)
        self.assertEqual(self.client.expect("ERROR").code, "unknown_type")
        self.worker.send_raw(self.client.submit_message("work", [{}], number=99))
        self.assertEqual(self.worker.expect("ERROR", "BUSY").symbol, "ERROR")
        for peer, role in ((wire.Client, wire.ROLE_WORKER), (wire.Worker, wire.ROLE_CLIENT)):
            side = "frontend" if peer is wire.Client else "backend"
            stranger = peer(self.cluster.endpoints[side])
            self.cluster.peers.append(stranger)
            stranger.send("HELLO", magic="MUSTER", version_min=1, version_max=1, role=role,
                          session=stranger.session, number=1)
            self.assertEqual(stranger.expect("ERROR").code, "denied")
        self.check_that_all_is_well()

    def test_versions(self):
        for low, high, code in ((1, 9, None), (2, 9, "version"), (0, 1, "malformed")):
            stranger = wire.Client(self.cluster.endpoints["frontend"])
            self.cluster.peers.append(stranger)
            stranger.send("HELLO", magic="MUSTER", version_min=low, version_max=high,
                          role=wire.ROLE_CLIENT, session=stranger.session, number=1)
            answer = stranger.expect("ERROR", "WELCOME")
            self.assertEqual(answer.code if answer.symbol == "ERROR" else None, code)
        self.check_that_all_is_well()

    def test_limits_are_named(self):
        """Names and payloads over their limits are refused; nothing of the message happens."""
        cases = ((dict(kind="a b"), "invalid", "kind"), (dict(kind="k" * 129), "too_big", "128"),
                 (dict(kind="-x"), "invalid", "kind"), (dict(kind="é"), "invalid", "kind"),
                 (dict(kind="k", queue=""), "invalid", "queue"),
                 (dict(kind="k", args=[b"\xc4\xff", {}]), "invalid", "args"),
                 (dict(kind="k", args=["x" * 262145]), "too_big", "262144"),
                 (dict(kind="k", group="g"), "invalid", "group"),
                 (dict(kind="k", priority=10), "too_big", "9"),
                 (dict(kind="k", delay_ms=2**60), "too_big", "delay_ms"))
        before = len(self.client.all_jobs())
        for number, (fields, code, word) in enumerate(cases, 1):
            with self.subTest(fields=str(fields)[:60]):
                args = fields.pop("args", [{}])
                self.client.send_raw(self.client.submit_message(fields.pop("kind"), args,
                                                                number=number, **fields))
                answer = self.client.expect("BUSY", "SUBMIT_ACK", "ERROR")
                self.assertEqual((answer.symbol, answer.reason, answer.number),
                                 ("BUSY", code, number), answer)
                self.assertIn(word, answer.text)
        self.assertEqual(len(self.client.all_jobs()), before)
        client = self.cluster.client()
        self.assertEqual(len(client.submit("k", ["x" * 262139])), 1)

    def test_command_line_limits(self):
        answer = self.muster("--json", "submit", "k", "-", stdin=json.dumps("x" * 300000), status=5)
        self.assertEqual(answer.error()["code"], "too_big")
        self.assertIn("262144", answer.error()["error"])
        for words in (("k" * 129,), ("a b",), ("k", "--queue", "é"), ("k", "--meta", "m" * 1025),
                      ("k", "--priority", "10"), ("k", "--delay", "11y"), ("k", "[1,"),
                      ("k", "--max-attempts", "0"), ("k", "--backoff", "sometimes:1s"),
                      ("k", "--idempotency-key", "")):
            answer = self.muster("--json", "submit", *words, status=2)
            self.assertEqual(sorted(answer.error()), ["code", "error"])
        self.assertEqual(self.client.all_jobs(), [])

    def test_frame_too_large(self):
        """ZeroMQ ends the connection of whoever sends more than any message may have."""
        stranger = wire.Client(self.cluster.endpoints["frontend"])
        self.cluster.peers.append(stranger)
        stranger.send_raw(b"\xc6" + b"x" * (64 << 20))
        self.check_that_all_is_well()
        self.assertLess(self.client.stats()["rss_anon_bytes"], 512 << 20)

    def test_noise(self):
        """Valid messages with flipped, cut, doubled and swapped bytes, from known peers."""
        dice = random.Random(7)
        frames = [bytes.fromhex(one["frames"][0]) for one in vectors("valid")
                  if len(one["frames"]) == 1]
        strangers = [wire.Client(self.cluster.endpoints["frontend"]),
                     wire.Worker(self.cluster.endpoints["backend"])]
        self.cluster.peers += strangers
        for stranger in strangers:
            stranger.hello()
        for _ in range(4000):
            frame = bytearray(dice.choice(frames))
            for _ in range(dice.randint(1, 4)):
                at = dice.randrange(len(frame) + 1)
                what = dice.randrange(4)
                if what == 0 and at < len(frame):
                    frame[at] = dice.randrange(256)
                elif what == 1:
                    del frame[at:at + dice.randrange(9)]
                elif what == 2:
                    frame[at:at] = bytes([dice.choice((0xDB, 0xDD, 0xDF, 0xC6, 0xFF, 0, 0xC1))])
                else:
                    frame[at:at] = frame[:dice.randrange(20)]
            dice.choice(strangers).send_raw(bytes(frame))
            for stranger in strangers:
                while stranger.socket.poll(0):
                    stranger.socket.recv_multipart()
        self.assertTrue(self.cluster.broker.alive())
        self.client.send("HEARTBEAT")
        self.worker.send("HEARTBEAT")
        for stranger in strangers:
            stranger.close()
        self.client.ask("STATS")

    def test_headers_that_promise_more(self):
        """A few bytes that ask for gigabytes: refused, and nothing is allocated for them."""
        before = self.client.stats()["rss_anon_bytes"]
        for _ in range(200):
            self.client.send_raw(msgpack.packb([16, 1, 0])[:-1] + b"\0\xdf\xff\xff\xff\xff")
            self.client.send_raw(b"\xdd\xff\xff\xff\xff")
            self.client.send_raw(b"\x94\x10\x01\x00\x81\x01\xdb\xff\xff\xff\xffx")
        for _ in range(600):
            self.assertEqual(self.client.expect("ERROR").code, "malformed")
        self.assertLess(self.client.stats()["rss_anon_bytes"], before + (64 << 20))

    def test_no_zeromq_at_all(self):
        """Whatever connects to a port and talks: the broker goes on, and its logs stay short."""
        for endpoint in self.cluster.endpoints.values():
            host, port = endpoint.removeprefix("tcp://").split(":")
            for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 1000, b"\xff" * 64, b"",
                          random.Random(1).randbytes(5000)):
                with socket.create_connection((host, int(port)), timeout=5) as plain:
                    plain.sendall(noise)
        self.check_that_all_is_well()
        self.assertLess(len(self.cluster.broker.log()), 20000)

    def test_subscriptions(self):
        """On the feed, what is no subscription is dropped."""
        feed = wire.zmq.Context.instance().socket(wire.zmq.XSUB)
        feed.setsockopt(wire.zmq.LINGER, 0)
        feed.connect(self.cluster.endpoints["feed"])
        for noise in (b"\x01" + b"x" * 5000, b"\x02??", b"", b"\x01sync.", b"\x00never", b"\xff",
                      b"\x01job.completed.\xff\xfe", b"\x01\x00\x00"):
            feed.send(noise)
        for n in range(3000):
            feed.send(b"\x01sync.%d" % n)
        self.check_that_all_is_well()
        feed.close()

    def test_chosen_routing_ids(self):
        """Peers may not choose their routing id: it would let them take another's place."""
        taken = wire.zmq.Context.instance().socket(wire.zmq.DEALER)
        taken.setsockopt(wire.zmq.LINGER, 0)
        taken.setsockopt(wire.zmq.ROUTING_ID, b"worker-1")
        taken.connect(self.cluster.endpoints["backend"])
        taken.send(wire.encode("HEARTBEAT"))
        wait_for(lambda: self.client.stats()["frames_dropped"] >= 1, "dropped")
        taken.close()
        self.check_that_all_is_well()


if __name__ == "__main__":
    main()

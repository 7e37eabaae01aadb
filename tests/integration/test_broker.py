"""musterd as a process: starting, settings, exit status, logs, and peers that say what they must
not: a clear answer, nothing lost, nobody else disturbed."""
import json
import os
import re
import signal
import subprocess

import msgpack
import zmq

from lib import wire
from lib.cluster import Case, READY
from lib.main import main
from lib.programs import wait_for

MAX_PAYLOAD = 16 << 10


class Starting(Case):
    broker_first = False

    def ended(self, *flags, environment=None, name="other", **settings):
        """The exit status and log of a musterd that does not come to serve."""
        command = self.cluster.broker_command(**settings) + list(flags)
        program = self.cluster.start(name, command, environment)
        return program.wait(), program.log()

    def file(self, text):
        path = self.cluster.folder / "musterd.yaml"
        path.write_text(text)
        return path

    def test_stops_clean(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            broker = self.cluster.start_broker()
            broker.signal(number)
            self.assertEqual(broker.wait(), 0)
        self.assertEqual(len(broker.out().splitlines()), 1)

    def test_data_in_use(self):
        self.cluster.start_broker()
        anywhere = {key: "tcp://127.0.0.1:*" for key in ("frontend", "backend", "feed")}
        status, log = self.ended(**anywhere)
        self.assertEqual(status, 3, log)
        self.assertIn(f"in use by process {self.cluster.broker.pid}", log)

    def test_port_in_use(self):
        self.cluster.start_broker()
        status, log = self.ended(data=self.cluster.folder / "elsewhere")
        self.assertEqual(status, 4, log)
        self.assertIn(f"cannot bind {self.cluster.endpoints['frontend']}", log)

    def test_damaged_data(self):
        self.cluster.start_broker().stop()
        path = self.cluster.data / "data.mdb"
        path.write_bytes(b"\0" * 8192 + path.read_bytes()[8192:])
        status, log = self.ended()
        self.assertEqual(status, 3, log)
        self.assertIn("data.mdb", log)

    def test_data_that_cannot_be_made(self):
        (self.cluster.folder / "file").touch()
        status, log = self.ended(data=self.cluster.folder / "file" / "data")
        self.assertEqual(status, 2, log)
        self.assertIn("cannot make", log)

    def test_wrong_settings(self):
        path = self.file("lease: 10s\nheartbeet: 1s\n")
        for flags, words in (
                ([f"--config={path}"], f"{path}:2:1: unknown key \"heartbeet\"; the nearest is "
                                       "\"heartbeat\""),
                (["--lease=10"], "lease is a duration"),
                (["--no-such-flag"], "unknown flag --no-such-flag"),
                (["--frontend=tcp://*:*"], "set `insecure: true`"),
                (["more"], "musterd takes flags only")):
            status, log = self.ended(*flags)
            self.assertEqual(status, 2, log)
            self.assertIn(words, log)
            self.assertEqual(len(log.splitlines()), 1, log)

    def test_check_config(self):
        good, bad = self.file("lease: 10s\n"), self.cluster.folder / "bad.yaml"
        bad.write_text("lease: 10 s\n")
        command = self.cluster.broker_command()[0]
        done = subprocess.run([command, "--check-config", good], capture_output=True, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (0, f"{good}: ok\n"))
        done = subprocess.run([command, "--check-config", bad], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{bad}:1:8: lease is a duration", done.stderr)

    def test_flag_before_variable_before_file(self):
        path = self.file("heartbeat: 300ms\nlease: 3s\nmax-payload: 3KiB\n")
        variables = {"MUSTERD_LEASE": "4s", "MUSTERD_MAX_PAYLOAD": "4KiB"}
        command = self.cluster.broker_command(heartbeat=None, lease=None, max_payload="5KiB")
        program = self.cluster.start("musterd", command + [f"--config={path}"], variables)
        ready = program.wait_ready(READY)
        self.cluster.endpoints["frontend"] = ready[1]
        welcome = self.cluster.client().welcome
        self.assertEqual((welcome.heartbeat_ms, welcome.lease_ms, welcome.max_payload),
                         (300, 4000, 5120))
        self.assertEqual(welcome.feed, ready[3])

    def test_json_log(self):
        self.cluster.start_broker(log_format="json").stop()
        lines = [json.loads(line) for line in self.cluster.broker.log().splitlines()]
        self.assertEqual([line["message"] for line in lines], ["ready", "stopping", "stopped"])
        self.assertEqual(lines[0]["frontend"], self.cluster.endpoints["frontend"])
        self.assertEqual(set(line["level"] for line in lines), {"info"})

    def test_ipc(self):
        folder = self.cluster.folder
        self.cluster.endpoints = {key: f"ipc://{folder}/{key}"
                                  for key in ("frontend", "backend", "feed")}
        self.cluster.start_broker()
        client = self.cluster.client()
        [job] = client.submit("work")
        worker = self.cluster.raw_worker(credit=1)
        self.assertEqual(list(worker.jobs(1)), [job])


class Hostile(Case):
    settings = {"max-payload": str(MAX_PAYLOAD)}

    def setUp(self):
        super().setUp()
        self.client = self.cluster.client()

    def raw(self, side="frontend"):
        peer = wire.Peer(self.cluster.endpoints[side])
        self.cluster.peers.append(peer)
        return peer

    def socket(self, kind, endpoint, routing_id=None):
        socket = zmq.Context.instance().socket(kind)
        self.addCleanup(socket.close, 0)
        if routing_id:
            socket.setsockopt(zmq.ROUTING_ID, routing_id)
        socket.connect(endpoint)
        return socket

    def counted(self, figure, count):
        wait_for(lambda: self.client.stats()[figure] >= count, f"{figure} {count}")

    def check_alive(self):
        """Somebody else is served as ever."""
        [job] = self.client.submit("work")
        self.assertEqual(self.client.jobs([job])[job]["state"], "ready")

    def test_invalid_vectors(self):
        lines = (wire.SOURCE / "proto" / "vectors" / "invalid.jsonl").read_text().splitlines()
        vectors = [json.loads(line) for line in lines]
        self.assertTrue(vectors)
        for side in ("frontend", "backend"):
            peer = self.raw(side)
            for vector in vectors:
                frames = [bytes.fromhex(frame) for frame in vector["frames"]]
                if frames:
                    peer.send_raw(*frames)
                if len(frames) == 1:
                    answer = peer.expect("ERROR", "BUSY", "UNKNOWN", beat=False)
                    self.assertTrue(answer.symbol == "UNKNOWN" or answer.text, vector)
        self.check_alive()

    def test_header_bombs(self):
        peer = self.raw()
        for frame in (b"\xdd\xff\xff\xff\xff", b"\x94\x10\x01\x00\xdf\xff\xff\xff\xff",
                      b"\x94\x10\x01\x00\x81\x14\xc6\xff\xff\xff\xff", b"\x91" * 5000):
            peer.send_raw(frame)
            self.assertEqual(peer.expect("ERROR").code, "malformed")
        self.check_alive()

    def test_more_than_one_frame(self):
        peer = self.raw()
        hello = wire.encode("HELLO", magic="MUSTER", version_min=1, version_max=1, role=2,
                            session=os.urandom(16), number=1)
        for _ in range(20):
            peer.send_raw(hello, hello)
        peer.send_raw(*[b""] * 1000)
        peer.send_raw(hello)
        peer.expect("WELCOME")
        self.counted("frames_dropped", 21)
        self.check_alive()

    def test_routing_ids_of_the_peers_choice(self):
        socket = self.socket(zmq.DEALER, self.cluster.endpoints["frontend"], b"client-1")
        socket.send(wire.encode("HELLO", magic="MUSTER", version_min=1, version_max=1, role=2,
                                session=os.urandom(16), number=1))
        self.counted("frames_dropped", 1)
        self.assertFalse(socket.poll(100))
        self.check_alive()

    def test_oversized_frames(self):
        peer = self.raw()
        peer.send_raw(b"x" * (MAX_PAYLOAD + (1 << 20)))
        self.assertIsNone(peer.receive(0.3))  # it is cut off
        self.check_alive()

    def test_foreign_protocols(self):
        import socket
        for side in ("frontend", "backend", "feed"):
            host, port = self.cluster.endpoints[side].removeprefix("tcp://").split(":")
            for text in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4000, b"\xff\0\0\0\0\0\0\0\1\x7f"):
                with socket.create_connection((host, int(port)), 5) as plain:
                    plain.sendall(text)
        for kind in (zmq.REQ, zmq.SUB, zmq.PUSH):
            self.socket(kind, self.cluster.endpoints["backend"])
        self.check_alive()

    def test_limits_are_named(self):
        submit = self.client.submit
        for answer, reason, words in (
                (submit("work", [b"\xc5\x7f\xf0" + b"x" * 0x7ff0]), "too_big", str(MAX_PAYLOAD)),
                (submit("work", queue="q" * 129), "too_big", "128"),
                (submit("no spaces"), "invalid", "1 to 128 bytes"),
                (submit("work", [b"\x81"]), "invalid", "one msgpack value"),
                (submit("work", meta=b"x" * 1025), "too_big", "1024"),
                (submit("work", keys=["k" * 257]), "too_big", "256"),
                (submit("work", group="tenant"), "invalid", "group"),
                (submit("work", priority=10), "too_big", "9")):
            self.assertEqual(answer.symbol, "BUSY", answer)
            self.assertEqual((answer.reason, answer.retry_ms), (reason, None), answer)
            self.assertIn(words, answer.text)
        self.assertEqual(self.client.all_jobs(), [])
        self.check_alive()

    def test_wrong_side(self):
        peer = wire.Worker(self.cluster.endpoints["frontend"])
        self.cluster.peers.append(peer)
        answer = peer.hello(wait=False).expect("ERROR")
        self.assertEqual(answer.code, "denied")
        self.assertIn("workers connect to the backend", answer.text)
        self.client.send("CREDIT", 7, hello=1, credit=1)
        answer = self.client.expect("ERROR")
        self.assertEqual((answer.code, answer.request), ("unknown_type", 7))
        self.check_alive()

    def test_newer_peers(self):
        self.client.send_raw(wire.encode("GET", 3, version=2, ids=[]))
        self.assertEqual(self.client.expect("ERROR").code, "version")
        self.client.send("GET", 4, fields={63: 1, "ids": []})
        answer = self.client.expect("ERROR")
        self.assertEqual((answer.code, answer.request), ("unknown_field", 4))
        self.client.send("GET", 5, fields={64: 1, "ids": []})
        self.assertEqual(self.client.expect("REPLY").request, 5)

    def test_the_log_is_not_flooded(self):
        peer = self.raw()
        for _ in range(2000):
            peer.send_raw(b"\xc1")
        for _ in range(2000):
            peer.expect("ERROR")
        self.counted("frames_refused", 2000)

        def told():
            lines = [line for line in self.cluster.broker.log().splitlines() if "refused" in line]
            counts = [int(re.search(r"count=(\d+)", line)[1]) for line in lines]
            return sum(counts) == 2000 and lines
        lines = wait_for(told, "all refused frames are in the log")
        self.assertLessEqual(len(lines), self.client.stats()["uptime_s"] + 2, lines)

    def test_subscriptions(self):
        feed = self.cluster.endpoints["feed"]
        for topics in ([b""], [os.urandom(100) for _ in range(2000)], [b"x" * 5000],
                       [b"sync." + b"a" * 65, b"sync.", b"sync.\xff"]):
            socket = self.socket(zmq.SUB, feed)
            for topic in topics:
                socket.subscribe(topic)
        raw = self.socket(zmq.XSUB, feed)
        for frame in (b"", b"\2x", b"\1", b"\0", b"\0never"):
            raw.send(frame)
        good = self.socket(zmq.SUB, feed)
        good.subscribe(b"job.submitted.default")
        good.subscribe(b"sync.good")
        self.assertTrue(good.poll(10000))
        topic, frame = good.recv().split(b"\0", 1)
        self.assertEqual((topic, msgpack.unpackb(frame, strict_map_key=False)[0]),
                         (b"sync.good", wire.TABLE["SYNC"][0]))
        self.check_alive()
        self.assertTrue(good.poll(10000))
        self.assertTrue(good.recv().startswith(b"job.submitted.default\0"))

    def test_a_subscriber_that_does_not_read(self):
        """It loses events; nobody waits for it."""
        socket = self.socket(zmq.SUB, self.cluster.endpoints["feed"])
        socket.subscribe(b"")
        for _ in range(50):
            self.assertEqual(len(self.client.submit("work", [{}] * 500)), 500)
        self.check_alive()


if __name__ == "__main__":
    main()

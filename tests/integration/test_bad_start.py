"""Wrong settings, data directories that cannot be used, ports that are taken: what is said, and
with which exit status."""
import json
import os
import pathlib
import re
import socket
import struct
import subprocess

from lib.cluster import ANYWHERE, READY, Case
from lib.main import main
from lib.programs import bin_folder, wait_for


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Start(Case):
    broker_first = False

    def musterd(self, *flags, environment=None, timeout=30):
        """Runs it to its end: (status, stdout, stderr)."""
        settings = {**os.environ, "ASAN_OPTIONS": "exitcode=99", **(environment or {})}
        done = subprocess.run([bin_folder() / "musterd", *map(str, flags)], capture_output=True,
                              text=True, env=settings, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL, cwd=self.cluster.folder)
        return done.returncode, done.stdout, done.stderr

    def refused(self, status, *words, **settings):
        """A broker with these settings does not start, and says why."""
        program = self.cluster.start(f"refused-{self.cluster.started}",
                                     self.cluster.broker_command(**settings))
        allowed = status if isinstance(status, tuple) else (status,)
        self.assertIn(program.wait(), allowed, program.log())
        self.assertEqual(program.out(), "")
        for word in words:
            self.assertRegex(program.log(), word)
        return program

    def config(self, text):
        path = self.cluster.folder / "musterd.yaml"
        path.write_text(text)
        return path


class Settings(Start):
    def test_check_config(self):
        path = self.config("lease: 30s\nheartbeat: 500ms\nmax-payload: 1MiB\n")
        status, out, err = self.musterd("--check-config", path)
        self.assertEqual((status, err), (0, ""), (out, err))
        for text, place, words in (
                ("lease: 30s\nleese: 10s\n", "2:1", ["leese", "lease"]),
                ("\n\nhart-beat: 1s\n", "3:1", ["heartbeat"]),
                ("lease: 10\n", "1:8", ["lease"]), ("lease: -1s\n", "1:8", ["lease"]),
                ("max-payload: 12 apples\n", "1:14", ["max-payload"]),
                ("frontend: 7670\n", "1:11", ["endpoint"]),
                ("log-level: loud\n", "1:12", ["log-level"]),
                ("retain-jobs: many\n", "1:14", ["retain-jobs"]),
                ("insecure: maybe\n", "1:11", ["insecure"]),
                ("lease: 10s\nlease: 11s\n", "2:1", ["lease"]),
                ("lease: [10s]\n", "1:8", ["lease"]), ("- lease\n", "1:1", []),
                ("lease: 'x\n", "", []), ("a: {b: [\n", "", [])):
            with self.subTest(text):
                path = self.config(text)
                status, out, err = self.musterd("--check-config", path)
                self.assertEqual((status, out), (2, ""), err)
                self.assertIn(f"{path}:{place}" if place else str(path), err)
                for word in words:
                    self.assertIn(word, err)
        status, _, err = self.musterd("--check-config", "no-such-file.yaml")
        self.assertEqual(status, 2)
        self.assertIn("no-such-file.yaml", err)

    def test_flags(self):
        for flags, words in ((["--leese", "1s"], "--lease"), (["--lease"], "--lease"),
                             (["--lease", "soon"], "lease"), (["--lease", "2s"], "heartbeat"),
                             (["extra"], "extra"), (["--max-payload", "1GB"], "max-payload"),
                             (["--frontend", "tcp://0.0.0.0:*"], "insecure"),
                             (["--backend", "tcp://*:*"], "insecure|host"),
                             (["--feed", "udp://127.0.0.1:1"], "feed"),
                             (["--config", "nowhere.yaml"], "nowhere.yaml")):
            with self.subTest(flags):
                status, out, err = self.musterd("--data", self.cluster.data, *flags)
                self.assertEqual((status, out), (2, ""), err)
                self.assertRegex(err, words)
        self.assertFalse(self.cluster.data.exists())
        status, out, _ = self.musterd("--help")
        self.assertEqual(status, 0)
        for key in ("frontend", "restart-grace", "parked-bytes", "disk-reserve", "check-config"):
            self.assertIn(f"--{key}", out)
        self.assertRegex(self.musterd("--version")[1], r"^musterd \d+\.\d+\.\d+\n$")

    def test_flag_before_environment_before_file(self):
        path = self.config("lease: 31s\nheartbeat: 2s\nmax-payload: 2KiB\n")
        self.cluster.settings = {"config": path}
        self.cluster.environment.update(MUSTERD_HEARTBEAT="3s", MUSTERD_MAX_PAYLOAD="3KiB")
        self.cluster.start_broker(max_payload="4KiB")
        welcome = self.cluster.client().welcome
        self.assertEqual((welcome.lease_ms, welcome.heartbeat_ms, welcome.max_payload),
                         (31000, 3000, 4096))
        self.cluster.environment["MUSTERD_HEARTBEAT"] = "often"
        self.cluster.broker.stop()
        self.refused(2, "MUSTERD_HEARTBEAT")

    def test_variable_of_no_setting(self):
        self.cluster.environment.update(MUSTERD_LEESE="12s")
        self.cluster.start_broker()
        wait_for(lambda: "ready" in self.cluster.broker.log(), "the log")
        self.assertRegex(self.cluster.broker.log(),
                         r"warn .*ignored variable=MUSTERD_LEESE nearest=MUSTERD_LEASE\n")
        self.assertEqual(self.cluster.client().welcome.lease_ms, 2000)  # that of the cluster

    def test_data_directory(self):
        """$STATE_DIRECTORY, else below $HOME; made if missing."""
        home = self.cluster.folder / "home"
        for environment, place in (({"STATE_DIRECTORY": str(home / "state")}, home / "state"),
                                   ({"STATE_DIRECTORY": "", "HOME": str(home)},
                                    home / ".local/state/muster")):
            self.cluster.environment.update(environment)
            self.cluster.endpoints = dict(ANYWHERE)
            self.cluster.start_broker(data=None)
            self.assertTrue(any(place.iterdir()))
            self.assertEqual(place.stat().st_mode & 0o77, 0)
            self.assertEqual(self.cluster.broker.stop(), 0)

    def test_insecure_and_ipc(self):
        self.cluster.endpoints["frontend"] = f"ipc://{self.cluster.folder}/front"
        self.cluster.start_broker(backend="tcp://0.0.0.0:*", insecure="true")
        self.assertEqual(self.json("queues"), [])

    def test_log_format(self):
        broker = self.cluster.start_broker(log_format="json", log_level="debug")
        broker.stop()
        lines = [json.loads(line) for line in broker.log().splitlines()]
        self.assertGreaterEqual(len(lines), 2)
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("error", "warn", "info", "debug"))
        quiet = self.cluster.start_broker(name="quiet", log_level="error")
        quiet.stop()
        self.assertEqual(quiet.log(), "")


class Ports(Start):
    def test_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for key in ("frontend", "backend", "feed"):
                self.refused(4, f"{port}", key, **{key: f"tcp://127.0.0.1:{port}"})

    def test_ipc_that_cannot_be(self):
        self.refused(4, "frontend", frontend="ipc:///no/such/folder/socket")

    def test_no_broker(self):
        """muster gives up after --timeout, with 4; a host that is not there is the same."""
        for endpoint in ("tcp://127.0.0.1:1", "ipc:///no/such/socket"):
            self.cluster.endpoints["frontend"] = endpoint
            for words in (["submit", "k"], ["show", "0000000000001"], ["queues"], ["list"],
                          ["workers"], ["stats"], ["pause", "q"], ["cancel", "0000000000001"],
                          ["parked", "list"], ["submit", "--file", "/dev/null"]):
                with self.subTest(words):
                    answer = self.muster("--json", "--timeout", "200ms", *words, status=4)
                    self.assertEqual(answer.error()["code"], "no_broker")
        answer = self.muster("--timeout", "200ms", "queues", status=4)
        self.assertIn("ipc:///no/such/socket", answer.err)
        for endpoint in ("nonsense", "tcp://", "tcp://127.0.0.1"):
            self.muster("--broker", endpoint, "queues", status=2)


class Data(Start):
    def filled(self):
        """A data directory with some jobs, and its broker stopped."""
        self.cluster.start_broker()
        client = self.cluster.client()
        for n in range(20):
            client.submit("work", [{"n": n, "text": "x" * 1000}] * 50, queue=f"q{n % 3}")
        self.assertEqual(self.cluster.broker.stop(), 0)
        self.cluster.endpoints = dict(ANYWHERE)
        return max(self.cluster.data.iterdir(), key=lambda path: path.stat().st_size)

    def test_in_use(self):
        self.cluster.start_broker()
        first, self.cluster.endpoints = self.cluster.endpoints, dict(ANYWHERE)
        self.refused(3, re.escape(str(self.cluster.data)), "use")
        self.cluster.endpoints = first
        self.submit("work")  # the first one goes on
        self.cluster.broker.kill()
        self.cluster.start_broker()  # kill -9 leaves no lock behind
        self.assertEqual(len(self.json("list")), 1)

    def test_damaged(self):
        path = self.filled()
        whole = path.read_bytes()
        for name, text in (("no database", b"this is no database" * 1000),
                           ("meta pages", b"\0" * 8192 + whole[8192:]),
                           ("cut", whole[:20 * 4096])):
            with self.subTest(name):
                path.write_bytes(text)
                self.refused(3, "damaged|no database|invalid|not")
        path.write_bytes(whole)
        self.cluster.start_broker()
        self.assertEqual(len(self.cluster.client().all_jobs()), 1000)

    def test_any_page_damaged(self):
        """A page of noise: refused at the start, or the jobs are all there; never a crash."""
        path = self.filled()
        whole = path.read_bytes()
        pages = len(whole) // 4096
        refused = 0
        for page in range(2, pages, max(1, pages // 12)):
            with self.subTest(page=page):
                broken = bytearray(whole)
                broken[page * 4096 + 16:page * 4096 + 4096] = bytes(range(1, 256)) * 16
                path.write_bytes(broken[:len(whole)])
                program = self.cluster.start(f"page-{page}", self.cluster.broker_command())
                wait_for(lambda: not program.alive() or re.search(READY, program.out()),
                         "an end or a start")
                if program.alive():
                    self.assertIn(program.stop(), (0, 1, 3))
                else:
                    self.assertEqual(program.wait(), 3, program.log())
                    refused += 1
        self.assertGreater(refused, 0)

    def test_newer(self):
        """Its format number is raised, with a checksum that fits."""
        path = self.filled()
        data = bytearray(path.read_bytes())
        found = list(re.finditer(rb"format\x01(.{4})(.{8})", data, re.S))
        self.assertTrue(found)
        for match in found:
            stored = struct.unpack("<I", match[1])[0]
            table = next((n for n in range(64)
                          if crc32c(bytes([1, n]) + b"format" + match[2]) == stored), None)
            if table is None:
                continue  # an old copy of the page
            content = struct.pack("<Q", 99)
            sealed = struct.pack("<I", crc32c(bytes([1, table]) + b"format" + content))
            data[match.start(1):match.end(2)] = sealed + content
        path.write_bytes(data)
        self.refused(3, "newer")

    def test_no_directory(self):
        (self.cluster.folder / "file").write_text("text")
        for place in (self.cluster.folder / "file", self.cluster.folder / "file" / "below",
                      "/proc/muster"):
            self.refused((1, 2, 3), re.escape(str(place)), data=place)


if __name__ == "__main__":
    main()

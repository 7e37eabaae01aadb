"""The benchmark measures: on few jobs, without peers and network, and with a peer that cheats.

test_bench.py BUILD: the folder that holds bin/ and bench/. Exit 77 when it lies in memory.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import packages
import report
import runs
import servers

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else pathlib.Path("build")
DEADLINE_S = 100  # generous: the disk may be busy


def bench(*options, data):
    return [sys.executable, "-B", str(HERE / "bench.py"), "--build", str(BUILD),
            "--data", str(data), *options]


class Smoke(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bench-test-", dir=BUILD)
        self.addCleanup(folder.cleanup)
        self.data = pathlib.Path(folder.name)

    def test_muster_and_the_limit(self):
        done = subprocess.run(
            bench("--only", "muster,limit", "--jobs", "4000", "--rounds", "2", "--json",
                  data=self.data), capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual([row["name"] for row in result["results"]],
                         ["muster", "limit-500", "limit-100", "limit-1"])
        for row in result["results"]:
            rate = row["jobs_per_s"]
            self.assertEqual(len(rate["rounds"]), 2)
            self.assertLessEqual(0, rate["min"])
            self.assertLessEqual(rate["min"], rate["median"])
            self.assertLessEqual(rate["median"], rate["max"])
            self.assertIn("to_limit", row)
            self.assertNotIn("to_redis_always", row)
        self.assertEqual(result["results"][0]["jobs"], 4000)
        self.assertEqual(list(self.data.iterdir()), [])

    def test_an_interrupt_leaves_nothing_behind(self):
        process = subprocess.Popen(bench("--only", "limit-500", "--jobs", "100000000",
                                         data=self.data), stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        self.wait_until(lambda: len(self.processes()) >= 3)  # server, submitter and worker
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(DEADLINE_S), 128 + signal.SIGINT)
        self.wait_until(lambda: not self.processes())
        self.assertEqual(list(self.data.iterdir()), [])

    def processes(self):
        """Those that name a folder below ours."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if f"{self.data}/".encode() in path.read_bytes():
                    found.append(path)
            except OSError:
                continue  # it has ended
        return found

    def wait_until(self, condition):
        until = time.monotonic() + DEADLINE_S
        while not condition():
            self.assertLess(time.monotonic(), until, "the condition was not met in time")
            time.sleep(0.01)


class FakeBeanstalkd(threading.Thread):
    """Queues in memory; `cheat` changes what a job's `reserve` gives."""

    def __init__(self, cheat):
        super().__init__(daemon=True)
        self.cheat = cheat
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.changed = threading.Condition()
        self.queue, self.number = [], 0

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                try:
                    connection.sendall(self.answer(line.split(), lines))
                except OSError:
                    return

    def answer(self, words, lines):
        if words[0] == b"put":
            payload = lines.read(int(words[4]) + 2)
            with self.changed:
                self.number += 1
                self.queue.append(self.cheat(self.number, payload))
                self.changed.notify()
                return b"INSERTED %d\r\n" % self.number
        if words[0] == b"reserve":
            with self.changed:
                self.changed.wait_for(lambda: self.queue)
                payload = self.queue.pop(0)
                return b"RESERVED 1 %d\r\n%s" % (len(payload) - 2, payload)
        return b"DELETED\r\n" if words[0] == b"delete" else b"WATCHING 1\r\n"


class Cheats(unittest.TestCase):
    JOBS = 50

    def load(self, cheat):
        peer = FakeBeanstalkd(cheat)
        self.addCleanup(peer.listener.close)
        peer.start()
        return subprocess.run(
            [str(BUILD / "bench/peer_load"), "beanstalkd", str(peer.port), str(self.JOBS), "10",
             "10", "100"], capture_output=True, text=True, timeout=DEADLINE_S)

    def test_an_honest_peer(self):
        done = self.load(lambda number, payload: payload)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["jobs"], self.JOBS)

    def test_one_job_twice_and_another_never(self):
        before = []

        def cheat(_, payload):
            before.append(payload)
            return before[6] if len(before) == 8 else payload
        done = self.load(cheat)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("of 50 jobs 1 were lost, 1 came twice, 0 were never submitted", done.stderr)

    def test_a_job_that_nobody_submitted(self):
        done = self.load(lambda number, payload:
                         b"\xff" * 8 + payload[8:] if number == 9 else payload)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("1 were lost, 0 came twice, 1 were never submitted", done.stderr)

    def test_another_payload(self):
        done = self.load(lambda number, payload: payload[1:] if number == 9 else payload)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("gave out a job of 99 bytes", done.stderr)

    def test_no_peer(self):
        done = subprocess.run([str(BUILD / "bench/peer_load"), "redis", str(servers.free_port()),
                               "5", "1", "1", "100"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot connect", done.stderr)


class Report(unittest.TestCase):
    def rows(self):
        by_name = {run.name: run for run in runs.RUNS}
        return [report.summarize(by_name["muster"], 10, [300.0, 100.0, 200.0], None, None),
                report.summarize(by_name["limit-500"], 10, [400.0], None, None),
                report.summarize(by_name["redis-always-100"], 10, [20.0], None, None),
                report.summarize(by_name["redis-always-1000"], 10, [40.0], None, None),
                report.summarize(by_name["gearmand"], 10, [], "no network", None),
                report.summarize(by_name["beanstalkd"], 10, [9.0], None, "a job was lost")]

    def test_ratios_are_to_the_fastest_redis_and_to_the_limit(self):
        rows = self.rows()
        self.assertEqual(report.add_ratios(rows), {"to_redis_always": "redis-always-1000",
                                                   "to_limit": "limit-500"})
        self.assertEqual(rows[0]["jobs_per_s"]["median"], 200)
        self.assertEqual((rows[0]["to_redis_always"], rows[0]["to_limit"]), (5, 0.5))
        self.assertNotIn("jobs_per_s", rows[5])

    def test_what_was_left_out_or_failed_says_why(self):
        rows = self.rows()
        text = report.table({
            "machine": report.machine(BUILD), "versions": {"muster": "1"}, "rounds": 3,
            "references": report.add_ratios(rows), "results": rows})
        self.assertRegex(text, r"\| muster +\| synced +\| +200 \| +100 to 300 \| +5.00 \| +50% \|")
        self.assertIn("gearmand left out: no network", text)
        self.assertIn("beanstalkd failed: a job was lost", text)

    def test_names(self):
        names = [run.name for run in runs.chosen(["beanstalkd", "redis-al"])]
        self.assertEqual(names, [run.name for run in runs.RUNS
                                 if run.name.startswith(("beanstalkd", "redis-always"))])
        with self.assertRaises(ValueError):
            runs.chosen(["nats"])


class Peers(unittest.TestCase):
    def test_a_package_that_is_nowhere(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(packages.Unavailable):
                packages.Packages(folder).program("no-such-program", "no-such-package")

    def test_a_server_that_does_not_start(self):
        class Here:
            @staticmethod
            def program(*_):
                return "/bin/false"

            @staticmethod
            def environment():
                return dict(os.environ)
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(servers.Failed):
                with servers.serving(Here, "beanstalkd", pathlib.Path(folder)):
                    self.fail("it serves")


if __name__ == "__main__":
    if report.machine(BUILD)["filesystem"] in ("tmpfs", "ramfs"):
        sys.exit(77)
    unittest.main()

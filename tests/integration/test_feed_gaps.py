"""Gaps of the feed with real processes: whoever was too slow, cut off or away when the broker
restarted is told so, reads the state again, and from there sees what the broker sees."""
import os
import re
import signal
import threading
import time

from lib import wire
from lib.cluster import Case
from lib.feed import Throttle, View
from lib.main import main
from lib.programs import wait_for

QUEUES = [f"q{number:03}" for number in range(300)]


KEEP = {"keep": 'exec sh "$HANDLERS/gate.sh" gate'}


def anonymous(program):
    """Bytes of memory that no file backs."""
    with open(f"/proc/{program.pid}/status", encoding="ascii") as status:
        return 1024 * int(re.search(r"RssAnon:\s*(\d+)", status.read())[1])


class Load:
    """Submits to many queues in turn, without waiting for each acknowledgement: so each SUBMIT is a
    message of its own on the feed."""

    def __init__(self, cluster):
        self.peer = cluster.client()
        self.sent = self.jobs = 0

    def submit(self, frames, jobs_a_frame=10, kind="never", queues=QUEUES):
        window = min(self.peer.welcome.window or 64, 64)
        for _ in range(frames):
            self.peer.send_raw(self.peer.submit_message(
                kind, [b"\x80"] * jobs_a_frame, queue=queues[self.sent % len(queues)]))
            self.sent += 1
            self.jobs += jobs_a_frame
            while self.sent - self.peer.confirmed >= window:
                self.take()
        while self.peer.confirmed < self.sent:
            self.take()
        return self

    def take(self):
        answer = self.peer.expect("SUBMIT_ACK", "BUSY", timeout=30)
        assert answer.symbol == "SUBMIT_ACK", answer
        self.peer.confirmed = answer.number


class Runner(threading.Thread):
    """A raw worker that ends whatever it gets at once: most complete, some are parked."""

    def __init__(self, cluster, queues, slots=200):
        super().__init__(daemon=True)
        self.peer = wire.Worker(cluster.endpoints["backend"])
        self.peer.hello(queues=queues, slots=slots, credit=slots)
        self.done = self.number = 0
        self.over = threading.Event()
        self.start()

    def run(self):
        beat = time.monotonic()
        while not self.over.is_set():
            message = self.peer.receive(0.05)
            if time.monotonic() > beat:
                beat = time.monotonic() + 0.1
                self.peer.send("HEARTBEAT")
            if message is None or message.symbol != "JOBS":
                continue
            ids = message.job_ids()
            runs = dict(zip(ids, message.runs or [1] * len(ids)))
            outcomes = [wire.COMPLETED if job >> 8 & 3 else wire.PARKED for job in ids]
            self.number += 1
            self.peer.send("RESULTS", hello=self.peer.number, number=self.number, count=len(ids),
                           ids=list(runs), runs=list(runs.values()), outcomes=outcomes)
            self.done += len(ids)

    def stop(self):
        self.over.set()
        self.join()
        self.peer.close()


class FeedGaps(Case):
    def monitor(self, *words, feed=None, name="monitor"):
        """A monitor that is known to listen: it has told its snapshot."""
        more = [f"--feed={feed}"] if feed else []
        program = self.cluster.start_muster(name, "--json", "monitor", *more, *words)
        wait_for(program.out, "the snapshot")
        return program

    def throttled(self, *words, **more):
        throttle = Throttle(self.cluster.endpoints["feed"])
        self.addCleanup(throttle.close)
        return self.monitor(*words, feed=throttle.endpoint, **more), throttle

    def view(self, program):
        return View(program.out())

    def wait_equal(self, program, timeout=30):
        """Until the monitor's view is what the broker says; the view."""
        def same():
            self.theirs = View.of_queues(self.json("queues"))
            view = self.view(program)
            return view.counts() == self.theirs and view
        return wait_for(same, lambda: self.difference(program), timeout)

    def difference(self, program):
        ours = self.view(program).counts()
        names = [name for name in sorted(set(ours) | set(self.theirs))
                 if ours.get(name) != self.theirs.get(name)]
        return (f"{len(names)} queues differ; " +
                "; ".join(f"{name}: {ours.get(name)} but {self.theirs.get(name)}"
                          for name in names[:5]) + f"; {self.view(program).kinds[-20:]}")

    def gaps(self, program):
        return self.view(program).gaps

    def wait_healed(self, program, snapshots=2):
        return wait_for(lambda: self.view(program).snapshots >= snapshots,
                        lambda: f"{snapshots} snapshots: {self.view(program).kinds[-20:]}")

    # ---- the tests ----

    def test_stopped_subscriber(self):
        """SIGSTOP while more events pass than all buffers hold: told, and healed. Whoever kept up
        missed nothing."""
        monitor = self.monitor()
        other = self.monitor(name="other")
        os.kill(monitor.pid, signal.SIGSTOP)
        load = Load(self.cluster).submit(5000, jobs_a_frame=14)
        self.assertGreaterEqual(load.jobs, 50000)
        worker = self.cluster.start_worker(kinds=KEEP, queues=["kept"], slots=3)
        load.submit(1, jobs_a_frame=5, kind="keep", queues=["kept"])
        self.wait_handled("start", count=3)
        os.kill(monitor.pid, signal.SIGCONT)
        self.wait_healed(monitor)
        view = self.wait_equal(monitor)
        self.assertGreater(view.gaps[0]["turns"], 0, view.gaps)
        self.assertRegex(view.gaps[0]["reason"], "missed")
        self.assertEqual(view.counts()["kept"]["running"], 3)
        self.assertEqual(len(view.running), 3)
        view = self.wait_equal(other)
        self.assertEqual(view.gaps, [])
        self.assertEqual(len(view.running), 3)
        # From here on both see each event.
        self.cluster.open_gate()
        for one in (monitor, other):
            before = self.view(one).snapshots
            view = wait_for(lambda one=one: self.is_done(one, "kept", 5), one.out)
            self.assertEqual(view.snapshots, before)
            self.assertEqual(view.running, set())
        worker.stop()

    def is_done(self, program, queue, count):
        view = self.view(program)
        return view.counts()[queue]["completed"] == count and view

    def test_only_the_beat_tells(self):
        """What was missed was the last that happened: no event comes that could show it."""
        monitor, throttle = self.throttled()
        throttle.hold()
        load = Load(self.cluster).submit(5000, jobs_a_frame=20)
        load.submit(5, jobs_a_frame=1, queues=["tail"])
        load.peer.ask("SNAPSHOT")  # with it all events have left
        throttle.go()
        self.wait_healed(monitor)
        view = self.wait_equal(monitor)
        self.assertGreater(view.gaps[0]["turns"], 0)
        self.assertEqual(view.counts()["tail"]["waiting"], 5)
        self.assertNotIn('"job.submitted.tail"', monitor.out(), "an event came")

    def test_text(self):
        throttle = Throttle(self.cluster.endpoints["feed"])
        self.addCleanup(throttle.close)
        monitor = self.cluster.start_muster("text", "monitor", f"--feed={throttle.endpoint}")
        wait_for(lambda: "0 queues" in monitor.out(), "the snapshot")
        throttle.hold()
        Load(self.cluster).submit(5000, jobs_a_frame=20)
        throttle.go()
        gap = re.compile(r"^muster: gap( on \S+)? \(\d+ turns?\): events were missed; "
                         r"reading the state again$", re.M)
        wait_for(lambda: gap.search(monitor.log()), monitor.log)
        wait_for(lambda: f"{len(QUEUES)} queues, 0 workers" in monitor.out(), "the new snapshot")

    def test_connection_cut(self):
        """Nobody is connected while things happen: the broker builds no events, no turn passes."""
        monitor, throttle = self.throttled()
        load = Load(self.cluster).submit(10)
        self.wait_equal(monitor)
        throttle.cut()
        load.submit(50)
        throttle.mend()
        self.wait_healed(monitor)
        view = self.wait_equal(monitor)
        self.assertRegex(view.gaps[0]["reason"], "connection")
        load.submit(10)
        self.assertEqual(self.wait_equal(monitor).snapshots, view.snapshots)

    def test_broker_restarts_meanwhile(self):
        monitor = self.monitor()
        Load(self.cluster).submit(20)
        self.wait_equal(monitor)
        os.kill(monitor.pid, signal.SIGSTOP)
        Load(self.cluster).submit(20)
        self.cluster.restart_broker()
        Load(self.cluster).submit(20)
        os.kill(monitor.pid, signal.SIGCONT)
        self.wait_healed(monitor)
        view = self.wait_equal(monitor)
        self.assertRegex(view.gaps[0]["reason"], "restarted|silent")

    def test_snapshots_under_load(self):
        """Each snapshot is taken while jobs start and end; the events after it fit it exactly."""
        monitor, throttle = self.throttled()
        runner = Runner(self.cluster, QUEUES[:8])
        self.addCleanup(runner.stop)
        load = Load(self.cluster)
        for number in range(2, 5):
            throttle.cut()
            load.submit(40, jobs_a_frame=25, kind="work", queues=QUEUES[:8])
            throttle.mend()
            while self.view(monitor).snapshots < number:
                load.submit(20, jobs_a_frame=25, kind="work", queues=QUEUES[:8])
            wait_for(lambda: runner.done == load.jobs, lambda: f"{runner.done} of {load.jobs}")
            self.wait_equal(monitor)

    def test_subscriber_that_never_reads_again(self):
        """A million events later the broker holds no more for it than its queue."""
        plain = os.environ.get("PLAIN_PROGRAMS")
        if not plain:
            self.skipTest("PLAIN_PROGRAMS names no build without sanitizers: its memory would say "
                          "nothing")
        self.cluster.broker.stop()
        os.environ["MUSTER_BIN"], sanitized = plain, os.environ["MUSTER_BIN"]
        self.addCleanup(os.environ.update, MUSTER_BIN=sanitized)
        self.cluster.start_broker(name="plain")
        monitor = self.monitor()
        before = anonymous(self.cluster.broker)
        os.kill(monitor.pid, signal.SIGSTOP)
        load = Load(self.cluster)
        most = 0
        for _ in range(20):
            load.submit(100, jobs_a_frame=512)
            most = max(most, anonymous(self.cluster.broker))
        self.assertGreaterEqual(load.jobs, 1000000)
        print(f"RssAnon {before >> 20} MiB before, {most >> 20} MiB at most", flush=True)
        # The window of jobs has 64 MiB, the subscriber's queue as much.
        self.assertLess(most - before, 192 << 20)


if __name__ == "__main__":
    main()

"""What a subscriber of the feed makes of it, and a connection to the feed that can stand still."""
import json
import socket
import threading

STATES = ("waiting", "running", "parked", "completed", "cancelled", "failed", "lost")


class View:
    """The counts of each queue, from what `muster --json monitor` printed: the last snapshot, and
    the events after it. What waits is one figure: nothing is told when a job becomes due."""

    CHANGES = {"submitted": {"waiting": 1}, "started": {"waiting": -1, "running": 1},
               "completed": {"running": -1, "completed": 1},
               "failed": {"running": -1, "waiting": 1, "failed": 1},
               "lost": {"running": -1, "waiting": 1, "lost": 1},
               "parked": {"waiting": -1, "parked": 1},
               "cancelled": {"waiting": -1, "cancelled": 1}}

    def __init__(self, text):
        self.queues, self.running, self.kinds, self.gaps = {}, set(), [], []
        self.snapshots = self.events = 0
        for line in text.split("\n")[:-1]:  # the last one may be on its way
            self.take(json.loads(line))

    def take(self, line):
        kind = next(iter(line))
        self.kinds.append(kind)
        if kind == "snapshot":
            self.snapshots += 1
            self.queues = self.of_queues(line["snapshot"]["queues"])
            self.running = {job for worker in line["snapshot"]["workers"]
                            for job in worker["jobs"]}
        elif kind == "gap":
            self.gaps.append(line["gap"])
        elif line["topic"].startswith("job."):
            self.apply(line)

    def apply(self, line):
        what, queue = line["topic"].split(".", 2)[1:]
        count = line.get("count", 1)
        self.events += count
        counts = self.queues.setdefault(queue, dict.fromkeys(STATES, 0))
        for state, change in self.CHANGES[what].items():
            counts[state] += change * count
        if what == "started":
            self.running.add(line.get("id"))
        elif what not in ("submitted", "parked"):
            self.running.discard(line.get("id"))

    @staticmethod
    def of_queues(rows):
        """The same figures from QUEUES, or a snapshot."""
        return {row["queue"]: {**{state: row[state] for state in STATES[1:]},
                               "waiting": row["ready"] + row["scheduled"]} for row in rows}

    def counts(self):
        return self.queues


def _end(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended
    connection.close()


class Throttle:
    """Between one subscriber and the feed: hold() lets nothing through from the broker, and hardly
    anything fits between; cut() breaks the connection until mend()."""

    SMALL = 4096

    def __init__(self, feed):
        host, port = feed.removeprefix("tcp://").rsplit(":", 1)
        self.feed = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.flows = threading.Event()
        self.flows.set()
        self.is_cut = False
        self.open = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def hold(self):
        self.flows.clear()

    def go(self):
        self.flows.set()

    def cut(self):
        """As when a network breaks; both sides see the end."""
        self.is_cut = True
        pairs, self.open = self.open, []
        for one in pairs:
            _end(one)

    def mend(self):
        self.is_cut = False

    def close(self):
        self.listener.close()
        self.cut()
        self.go()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            far = socket.socket()
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.SMALL)
            try:
                far.connect(self.feed)
            except OSError:
                near.close()
                far.close()
                continue
            self.open += [near, far]
            for source, to, held in ((near, far, None), (far, near, self.flows)):
                threading.Thread(target=self._pump, args=(source, to, held), daemon=True).start()

    @staticmethod
    def _pump(source, to, flows):
        try:
            while True:
                if flows:
                    flows.wait()
                data = source.recv(65536)
                if flows:
                    flows.wait()
                if not data:
                    break
                to.sendall(data)
        except OSError:
            pass
        _end(source)
        _end(to)

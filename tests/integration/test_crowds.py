"""Many at once: what a connection cannot take in one go, and what stands far behind others."""
import zmq

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

JOBS = 3000  # more messages than wait for one peer


class SlowClient(wire.Client):
    """Reads so late that the broker's messages find no room."""

    def connect(self):
        self.close()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        for option, value in ((zmq.LINGER, 0), (zmq.RCVHWM, 2), (zmq.RCVBUF, 4096)):
            self.socket.setsockopt(option, value)
        self.socket.connect(self.endpoint)
        self.backlog = []


class Crowds(Case):
    def submit_many(self, client, count, **more):
        return [one for _ in range(count // 500)
                for one in client.submit("work", [{}] * 500, **more)]

    def test_many_to_abandon(self):
        client = self.cluster.client()
        stray = self.cluster.raw_worker(slots=JOBS, credit=JOBS)
        self.submit_many(client, JOBS)
        held = stray.jobs(JOBS)
        wait_for(lambda: client.ask("WORKERS")[0] == [], "the lease is over")
        other = self.cluster.raw_worker(slots=JOBS, credit=JOBS)
        runs = other.jobs(JOBS, timeout=30)
        ids = list(runs)
        for number, at in enumerate(range(0, JOBS, 500), 1):
            other.results(number, {one: runs[one] for one in ids[at:at + 500]})
        wait_for(lambda: client.ask("QUEUES")[0][0]["completed"] == JOBS, "they have ended")
        stray.connect()
        stray.hello(held=[(job, run, 10) for job, run in held.items()])
        told = set()
        while len(told) < JOBS:
            told.update(stray.expect("ABANDON").ids)
        self.assertEqual(told, set(held))

    def test_many_to_stop(self):
        client = self.cluster.client()
        worker = self.cluster.raw_worker(slots=JOBS, credit=JOBS)
        ids = self.submit_many(client, JOBS)
        worker.jobs(JOBS)
        for at in range(0, JOBS, 1000):
            client.ask("CANCEL", ids=ids[at:at + 1000])
        told = [job for _ in range(JOBS // 1000) for job in worker.expect("CANCEL").ids]
        self.assertEqual(sorted(told), sorted(ids))

    def test_many_kinds_stand_before(self):
        client = self.cluster.client()
        busy = self.cluster.raw_worker(slots=1, credit=1)
        client.submit("long")
        busy.jobs(1)
        for kind in range(300):
            client.submit(f"kind-{kind}")
        free = self.cluster.raw_worker(kinds=["own"], slots=1, credit=1)
        [job] = client.submit("own")
        self.assertEqual(free.jobs(1), {job: 1})

    def test_no_slots_named(self):
        client = self.cluster.client()
        [job] = client.submit("work")
        self.cluster.raw_worker(slots=1, credit=1).jobs(1)
        wait_for(lambda: client.ask("WORKERS")[0] == [], "the lease is over")
        self.assertEqual(self.cluster.raw_worker(slots=0, credit=5).jobs(1), {job: 2})

    def test_ends_that_found_no_room(self):
        count, size = 1500, 200_000
        client = SlowClient(self.cluster.endpoints["frontend"])
        self.cluster.peers.append(client)
        client.hello()
        worker = self.cluster.raw_worker(slots=count, credit=count)
        self.submit_many(client, count, notify=1)
        result = b"\xc6" + size.to_bytes(4, "big") + bytes(size)
        for number, (job, run) in enumerate(worker.jobs(count).items(), 1):
            worker.results(number, {job: run}, result_lengths=[len(result)], results=result)
        other = self.cluster.client()
        wait_for(lambda: other.ask("QUEUES")[0][0]["completed"] == count, "they have ended")
        seen = 0
        while seen < count:
            done = client.expect("DONE", timeout=20)
            if done.number - done.count <= seen < done.number:
                seen = done.number


if __name__ == "__main__":
    main()

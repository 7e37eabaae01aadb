"""A disk that is full: submits are refused with the reason, completions go on, nothing that was
acknowledged is lost. The disk is a small tmpfs in a mount namespace of our own."""
import json
import shutil
import subprocess
import sys
import time

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

REFUSALS = ("disk_full", "disk_reserve", "busy")
# In the namespace: a small disk below the test's folder, and the broker on it.
MOUNTED = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'


def can_mount():
    if not shutil.which("unshare"):
        return False
    command = ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class DiskFull(Case):
    broker_first = False
    settings = {"disk-reserve": "4MiB", "retain-jobs": 1000}

    def setUp(self):
        super().setUp()
        self.disk = self.cluster.folder / "disk"
        self.disk.mkdir()
        self.cluster.data = self.disk / "data"
        # The tmpfs lives as long as the namespace: a keeper holds it over the broker's restarts.
        ready = self.cluster.folder / "mounted"
        self.keeper = self.cluster.start("keeper", [
            "unshare", "-Urm", "sh", "-c", MOUNTED, "48m", self.disk, "sh", "-c",
            f'touch "{ready}"; exec sleep 1000'])
        wait_for(ready.exists, self.keeper.log)
        plain = self.cluster.broker_command

        def inside(**settings):
            return ["nsenter", "-U", "--preserve-credentials", "-m", "-t", str(self.keeper.pid),
                    *plain(**settings)]
        self.cluster.broker_command = inside
        self.cluster.start_broker()

    def fill(self, client):
        """Submits until not even a few jobs are taken: (acknowledged ids, the BUSY)."""
        ids = []
        for count in (500, 100, 20):
            while True:
                answer = client.submit("work", [b"\xc5\x03\xe8" + b"x" * 1000] * count,
                                       timeout=30)
                if not isinstance(answer, list):
                    break
                ids += answer
        return ids, answer

    def drain(self, client, count):
        """A worker that completes everything; the number of jobs that it was given."""
        worker = self.cluster.raw_worker(credit=2000, slots=64)
        done = number = 0
        while done < count:
            message = worker.expect("JOBS", timeout=30)
            jobs = message.job_ids()
            done += len(jobs)
            number += 1
            worker.results(number, dict(zip(jobs, message.runs or [1] * len(jobs))))
        wait_for(lambda: client.ask("QUEUES")[0][0]["completed"] == count, "all completed")
        worker.send("GOODBYE")

    def test_full(self):
        client = self.cluster.client()
        ids, busy = self.fill(client)
        self.assertGreater(len(ids), 5000)
        self.assertIn(busy.reason, REFUSALS)
        self.assertTrue(busy.retry_ms)
        self.assertTrue(busy.text)
        # The command line says it, too, and keeps to its time.
        began = time.monotonic()
        answer = self.muster("--json", "--timeout", "1s", "submit", "work", "-",
                             stdin=json.dumps("x" * 250000), status=5)
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn(answer.error()["code"], REFUSALS)
        # Looking and completing go on.
        self.assertEqual(self.show(wire.id_text(ids[0]))["state"], "ready")
        # Nothing is lost over a kill, with the disk as full as before.
        self.cluster.restart_broker()
        client = self.cluster.client()
        self.assertEqual(client.ask("QUEUES")[0][0]["ready"], len(ids))
        self.drain(client, len(ids))
        # There is room again.
        answer = wait_for(lambda: isinstance(client.submit("work", [{}], queue="again"), list),
                          "room for new jobs")
        self.assertTrue(answer)
        self.assertTrue(self.cluster.broker.alive())

    def test_filled_by_somebody_else(self):
        """Another program takes all that is left: submits wait, completions live on the reserve."""
        client = self.cluster.client()
        ids = []
        for _ in range(4):
            ids += client.submit("work", [{}] * 500)
        hog = self.disk / "hog"
        subprocess.run(["nsenter", "-U", "--preserve-credentials", "-m", "-t",
                        str(self.keeper.pid), "sh", "-c", f'cat /dev/zero >"{hog}"'],
                       capture_output=True, check=False)
        more, busy = self.fill(client)
        ids += more
        self.assertIn(busy.reason, REFUSALS)
        self.drain(client, len(ids))
        subprocess.run(["nsenter", "-U", "--preserve-credentials", "-m", "-t",
                        str(self.keeper.pid), "rm", str(hog)], check=True)
        wait_for(lambda: isinstance(client.submit("work", [{}], queue="again"), list),
                 "room for new jobs")
        self.assertEqual(self.cluster.broker.stop(), 0)


if __name__ == "__main__":
    if not can_mount():
        print("no user namespaces here; the store's own tests have fault points for this")
        sys.exit(77)
    main()

"""A small filesystem of its own (ext4 in a file; tmpfs where there are no loop devices): filled by
submits, filled by somebody else, killed in that state, and backed up with hardly any room.

It runs in a mount namespace, which takes the mounts with it."""
import errno
import os
import shutil
import subprocess
import sys
import threading
import time

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import bin_folder, wait_for

INSIDE = "MUSTER_TEST_NAMESPACE"
MIB = 1 << 20
DISK_MIB = 64
RESERVE_MIB = 8
MARGIN_MIB = 16  # beside the reserve: below it no copy is made
REFUSALS = ("disk_full", "disk_reserve")
ARGS = b"\xc5\x03\xe8" + b"x" * 1000


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True,
                          check=False).returncode == 0


def mount_small(folder):
    """Mounts the disk; the name of its filesystem, or None."""
    image = folder.with_suffix(".img")
    with open(image, "wb") as out:
        out.truncate(DISK_MIB * MIB)
    if (shutil.which("mkfs.ext4") and run("mkfs.ext4", "-q", "-F", "-m", "0", image) and
            run("mount", "-o", "loop", image, folder)):
        return "ext4"
    return "tmpfs" if run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none",
                          folder) else None


class SmallDisk(Case):
    broker_first = False
    settings = {"disk-reserve": f"{RESERVE_MIB}MiB", "retain-jobs": 1000}

    def setUp(self):
        super().setUp()
        self.disk = self.cluster.folder / "disk"
        self.disk.mkdir()
        self.kind = mount_small(self.disk)
        self.assertTrue(self.kind, "it was tried before")
        self.cluster.data = self.disk / "data"
        self.cluster.start_broker()

    def end_cluster(self):
        super().end_cluster()
        subprocess.run(["umount", str(self.disk)], capture_output=True, check=False)
        self.cluster.remove()

    def free(self):
        """What the store can still grow by: free on the disk, or allocated to its file ahead."""
        fs = os.statvfs(self.disk)
        stats = self.cluster.client().stats()
        file = (self.cluster.data / "data.mdb").stat().st_size
        return fs.f_bavail * fs.f_frsize + file - stats["disk_used_bytes"]

    def fill(self, client, most=10**9, queue="default"):
        """Submits until not even a few jobs are taken, or so many were: (ids, the BUSY or None)."""
        ids = []
        for count in (500, 100, 10):
            while len(ids) < most:
                answer = client.submit("work", [ARGS] * count, queue=queue, timeout=30)
                if not isinstance(answer, list):
                    break
                ids += answer
            else:
                return ids, None
        return ids, answer

    def drain(self, count, restarts=0):
        """A worker completes everything, over so many kills of the broker; the ids it had."""
        done, worker = set(), self.cluster.raw_worker(credit=2000, slots=64)
        number, at = 0, [count * (n + 1) // (restarts + 1) for n in range(restarts)]
        while len(done) < count:
            message = worker.expect("JOBS", timeout=30)
            jobs = message.job_ids()
            number += 1
            worker.results(number, dict(zip(jobs, message.runs or [1] * len(jobs))))
            done |= set(jobs)
            if len(done) < count and not (at and len(done) >= at[0]):
                continue
            while worker.expect("RESULTS_ACK", timeout=30).number < number:
                pass
            if at and len(done) >= at[0]:
                at.pop(0)
                self.cluster.restart_broker()
                worker.close()
                worker, number = self.cluster.raw_worker(credit=2000, slots=64), 0
        worker.send("GOODBYE")
        return done

    def check_good(self):
        """The broker stops well, and every record of its data is good."""
        self.assertEqual(self.cluster.broker.stop(), 0)
        done = subprocess.run([bin_folder() / "musterd", "--verify", "--data", self.cluster.data],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def hog(self):
        """Somebody else's file that takes all there is."""
        fs = os.statvfs(self.disk)
        path = self.disk / "hog"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(fd).st_size + fs.f_bavail * fs.f_frsize - MIB  # its own tables need some
        try:
            if size > os.fstat(fd).st_size:
                os.posix_fallocate(fd, 0, size)
            while True:
                os.write(fd, bytes(65536))
        except OSError as error:
            self.assertEqual(error.errno, errno.ENOSPC)
        os.close(fd)
        return path

    # ---- the tests ----

    def test_filled_by_submits(self):
        client = self.cluster.client()
        ids, busy = self.fill(client)
        self.assertGreater(len(ids), 20000, self.kind)
        self.assertIn(busy.reason, REFUSALS)
        self.assertTrue(busy.retry_ms)
        # The reserve is untouched; at most a group's own need beside it is left over.
        self.assertGreaterEqual(self.free(), RESERVE_MIB * MIB)
        self.assertLess(self.free(), 2 * RESERVE_MIB * MIB)
        self.cluster.restart_broker()
        self.assertEqual(self.cluster.client().ask("QUEUES")[0][0]["ready"], len(ids))
        self.assertEqual(self.drain(len(ids), restarts=2), set(ids))
        client = self.cluster.client()
        queue = wait_for(lambda: client.ask("QUEUES")[0][0], "the queue")
        self.assertEqual((queue["completed"], queue["ready"]), (len(ids), 0))
        again, busy = self.fill(client, most=10000, queue="again")
        self.assertIsNone(busy)
        self.assertEqual(len(again), 10000)
        self.check_good()

    def test_filled_by_somebody_else(self):
        client = self.cluster.client()
        ids, busy = self.fill(client, most=10000)
        self.assertIsNone(busy)
        hog = self.hog()
        more, busy = self.fill(client)
        ids += more
        self.assertIn(busy.reason, REFUSALS)
        # Killed and started with nothing left on the disk at all.
        self.hog()
        self.cluster.restart_broker()
        self.assertEqual(self.cluster.client().ask("QUEUES")[0][0]["ready"], len(ids))
        self.assertEqual(self.drain(len(ids), restarts=1), set(ids))
        hog.unlink()
        client = self.cluster.client()
        wait_for(lambda: isinstance(client.submit("work", [ARGS], queue="again"), list),
                 "room for new jobs")
        self.check_good()

    def test_tiny_reserve(self):
        """The least reserve that can be set still lets every job end."""
        self.cluster.broker.stop()
        self.cluster.start_broker(disk_reserve="1MiB")
        ids, busy = self.fill(self.cluster.client())
        self.assertIn(busy.reason, REFUSALS)
        self.hog()
        self.assertEqual(self.drain(len(ids)), set(ids))
        self.check_good()

    def test_backup_without_room(self):
        client = self.cluster.client()
        ids, _ = self.fill(client, most=22000)
        # Beside the data there is no room for a copy of it.
        answer = self.muster("--json", "backup", self.disk / "backup", status=5)
        self.assertEqual(answer.error()["code"], "disk_full")
        self.assertRegex(answer.error()["error"], r"the backup needs \d+ MiB beside the disk res")
        self.assertFalse((self.disk / "backup").exists())
        # Elsewhere there is.
        self.muster("backup", self.cluster.folder / "backup")
        # Nearly at the reserve none is begun: it would keep space from the jobs.
        hog = self.hog()
        answer = self.muster("--json", "backup", self.cluster.folder / "late", status=5)
        self.assertEqual(answer.error()["code"], "disk_reserve")
        self.assertFalse((self.cluster.folder / "late").exists())
        self.assertEqual(self.drain(len(ids)), set(ids))
        hog.unlink()
        self.check_good()

    def test_backup_broken_off(self):
        """Room goes away while it is being made: it is broken off, and nothing of it is left."""
        ids, _ = self.fill(self.cluster.client(), most=22000)
        codes = []
        for number in range(10):
            place = self.cluster.folder / f"backup{number}"
            asked = threading.Thread(target=lambda: codes.append(  # pylint: disable=W0640
                self.cluster.muster("--json", "backup", place)))   # pylint: disable=W0640
            asked.start()
            deadline = time.monotonic() + 20
            while (not (place / "backup.mdb.unfinished").exists() and asked.is_alive() and
                   time.monotonic() < deadline):
                pass
            hog = self.hog()
            asked.join(30)
            least = self.free()
            hog.unlink()
            self.assertGreaterEqual(least, RESERVE_MIB * MIB)
            if codes[-1].status:
                break
        self.assertEqual(codes[-1].error()["code"], "disk_reserve", codes[-1])
        self.assertFalse(place.exists())
        self.assertEqual(self.drain(len(ids)), set(ids))
        self.check_good()


def enter():
    """Runs this file again where mounting is allowed; 77 where it is not."""
    if os.environ.get(INSIDE):
        return
    for flags in ("-m", "-Urm"):
        if run("unshare", flags, "mount", "-t", "tmpfs", "none", "/mnt"):
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", flags, sys.executable, "-B", *sys.argv])
    print("nothing may be mounted here; tests/unit/store has fault points for this")
    sys.exit(77)


if __name__ == "__main__":
    enter()
    main()

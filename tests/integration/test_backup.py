"""Hot backup, restore and --verify, with real processes: under load, killed, damaged, and by
somebody who names the wrong folder."""
import os
import random
import subprocess
import threading
import time

from lib import wire
from lib.cluster import ANYWHERE, Case
from lib.main import main
from lib.programs import bin_folder, wait_for


class Backup(Case):
    def setUp(self):
        super().setUp()
        self.folder = self.cluster.folder
        self.served, self.taken = [], 0

    def musterd(self, *flags, timeout=60):
        """Runs it to its end: (status, stdout, stderr)."""
        settings = {**os.environ, "ASAN_OPTIONS": "exitcode=99"}
        done = subprocess.run([bin_folder() / "musterd", *map(str, flags)], capture_output=True,
                              text=True, env=settings, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL, cwd=self.folder)
        self.assertNotIn(done.returncode, (99, -6, -11), done.stderr)
        return done.returncode, done.stdout, done.stderr

    def verified(self, data):
        """The table counts of a directory that is good."""
        status, out, err = self.musterd("--verify", "--data", data)
        self.assertEqual(status, 0, out + err)
        self.assertIn("no problems", out)
        rows = (line.split() for line in out.splitlines()[1:])
        return {row[0]: int(row[1]) for row in rows if len(row) == 2}

    def backup(self, name="backup", **more):
        return self.muster("--json", "backup", self.folder / name, **more)

    def restore(self, backup, data, status=0):
        got, out, err = self.musterd("--restore", backup, "--data", data)
        self.assertEqual(got, status, out + err)
        return out + err

    def start_on(self, data, **settings):
        self.cluster.data = data
        self.cluster.endpoints = dict(ANYWHERE)
        return self.cluster.start_broker(name=f"musterd-{data.name}", **settings)

    def submit(self, client, count, **more):
        ids = []
        while len(ids) < count:
            ids += client.submit("work", [{"n": 1}] * min(500, count - len(ids)), **more)
        return ids

    # ---- folders ----

    def test_folders(self):
        client = self.cluster.client()
        self.submit(client, 10)
        full = self.folder / "full"
        full.mkdir()
        (full / "something").touch()
        file = self.folder / "file"
        file.touch()
        for place, status, code, words in (
                (full, 5, "invalid", "something"), (file, 5, "invalid", "no folder"),
                (self.folder / "no/where", 3, "not_found", "no/where"),
                (self.cluster.data, 5, "invalid", "not empty"),
                ("/proc/muster", 3, "not_found", "/proc/muster"),
                ("", 2, "usage", "no name"), ("/" + "x" * 5000, 2, "usage", "4095"),
                ("/" + "x" * 300, 5, "io", "too long")):
            answer = self.muster("--json", "backup", place, status=status)
            self.assertIn(words, answer.error()["error"])
            self.assertEqual(answer.error()["code"], code)
        self.assertEqual(sorted(path.name for path in full.iterdir()), ["something"])
        # Relative names are those of this host, where the broker is too.
        empty = self.folder / "empty"
        empty.mkdir()
        said = self.muster("backup", "empty").out
        self.assertRegex(said, rf"^backup in {empty}: 10 ready, 0 scheduled and 0 parked jobs; "
                               r"\d+ bytes in \d+\.\d s\n$")
        self.assertEqual(sorted(path.name for path in empty.iterdir()), ["MANIFEST", "backup.mdb"])
        self.assertIn("is not empty", self.muster("backup", "empty", status=5).err)
        # Elsewhere they could be anything.
        self.assertIn("absolute", self.muster("--broker", "tcp://10.255.255.1:7670", "backup",
                                              "empty", status=2).err)
        # On the wire no path is relative.
        client.send("BACKUP", 99, directory="empty", token=1)
        self.assertEqual(client.expect("ERROR", "REPLY").code, "invalid")

    def test_offline_misuse(self):
        backup, data = self.folder / "backup", self.cluster.data
        self.submit(self.cluster.client(), 100)
        self.backup()
        nothing = self.folder / "nothing"
        for flags, status, words in (
                (["--verify", "--data", data], 3, "in use by process"),
                (["--verify", "--data", nothing], 2, "is not there"),
                (["--verify", "--data", self.folder], 2, "is no data directory"),
                (["--verify", "--restore", backup, "--data", nothing], 2, "two tasks"),
                (["--restore"], 2, "needs a value"),
                (["--restore", nothing, "--data", self.folder / "new"], 2, "is not there"),
                (["--restore", backup, "--data", data], 2, "is not empty"),
                (["--data", backup, *(f"--{key}={value}" for key, value in ANYWHERE.items())],
                 3, "--restore")):
            got, out, err = self.musterd(*flags)
            self.assertEqual((got, out), (status, ""), err)
            self.assertIn(words, err)
        self.assertFalse(nothing.exists())
        self.assertFalse((self.folder / "new").exists())
        self.assertEqual(sorted(path.name for path in backup.iterdir()),
                         ["MANIFEST", "backup.mdb"])
        self.cluster.broker.stop()
        self.assertEqual(self.verified(data)["ready"], 100)
        self.assertIn("is a data directory, and no backup",
                      self.restore(data, self.folder / "new", status=2))

    # ---- while it serves ----

    def load(self, stop, acked, ended):
        """A client and a worker that go on until `stop`."""
        client, worker = self.cluster.client(), \
            self.cluster.raw_worker(credit=500, slots=64, queues=["busy"])
        number = 0
        while not stop.is_set():
            acked += client.submit("work", [{"n": 1}] * 100, queue="busy")
            message = worker.expect("JOBS", timeout=30)
            jobs = message.job_ids()
            number += 1
            worker.results(number, dict(zip(jobs, message.runs or [1] * len(jobs))))
            ended += jobs
        worker.expect("RESULTS_ACK", timeout=30)

    def test_under_load(self):
        client = self.cluster.client()
        kept = self.submit(client, 30000, queue="kept")
        stop, acked, ended = threading.Event(), [], []
        thread = threading.Thread(target=self.load, args=(stop, acked, ended), daemon=True)
        thread.start()
        wait_for(lambda: len(ended) > 500, "load")
        before = set(acked)
        done = self.backup().json()
        went_on = len(acked)
        self.assertEqual(done["state"], "done")
        self.assertEqual(done["records"], done["records_total"])
        wait_for(lambda: len(acked) > went_on, "it goes on after the backup")
        stop.set()
        thread.join(30)
        rows = self.verified(self.folder / "backup")
        self.assertEqual(sum(rows.values()), done["records"])
        self.cluster.broker.stop()
        self.verified(self.cluster.data)
        # Everything that was acknowledged before it began is in it, waiting or ended.
        said = self.restore(self.folder / "backup", self.folder / "new/deep")
        self.assertRegex(said, rf"^restored \S+ into \S+: {done['ready']} ready, 0 scheduled, 0 "
                               r"parked, \d+ finished,\nas of 20\S+Z \(\d+s ago\)\n$")
        self.verified(self.folder / "new/deep")
        self.start_on(self.folder / "new/deep")
        client = self.cluster.client()
        self.assertGreater(client.welcome.epoch, done["epoch"] + 1000)
        jobs = {job["id"]: job["state"] for job in client.all_jobs()}
        self.assertTrue({wire.id_text(job) for job in before} <= set(jobs))
        self.assertTrue({wire.id_text(job) for job in kept} <= set(jobs))
        # No id is given out again, not even one of a job that the backup does not know.
        fresh = self.submit(client, 100, queue="fresh")
        self.assertGreater(min(fresh), max(acked))

    @staticmethod
    def size(path):
        """Its bytes; -1: it is not there."""
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return -1

    def test_killed_while_copying(self):
        """Whatever instant the kill comes at: a backup is whole, or none."""
        self.submit(self.cluster.client(), 40000)
        whole = 0
        stages = [("", 0), ("backup.mdb.unfinished", 0), ("backup.mdb.unfinished", 4096),
                  ("backup.mdb", 0), ("MANIFEST.unfinished", 0), ("MANIFEST", 0)]
        for number in range(len(stages)):
            place = self.folder / f"backup{number}"
            asking = self.cluster.start_muster(f"asking{number}", "--timeout", "1s", "backup",
                                               place)
            # The kill comes when this stage is reached, or one of those after it.
            deadline = time.monotonic() + 30
            while not any(self.size(place / name) >= size for name, size in stages[number:]):
                self.assertLess(time.monotonic(), deadline)
            self.cluster.restart_broker()
            asking.kill()
            if (place / "MANIFEST").exists():
                self.verified(place)
                whole += 1
                continue
            status, _, err = self.musterd("--verify", "--data", place)
            self.assertEqual(status, 2, err)
            got = self.restore(place, self.folder / f"new{number}", status=2)
            self.assertRegex(got, "not finished|no backup")
            # And it is in nobody's way but by its name.
            if any(place.iterdir()):
                self.assertIn("remove it", self.muster("backup", place, status=5).err)
        self.assertLess(whole, len(stages))
        self.backup("last")
        self.assertEqual(self.verified(self.folder / "last")["ready"], 40000)

    def test_one_at_a_time(self):
        """Another token is refused, the same one joins, and gets the same answer again."""
        client = self.cluster.client()
        self.submit(client, 40000)
        place = str(self.folder / "backup")
        first, _ = client.ask("BACKUP", directory=place, token=7, hold_ms=0)
        self.assertEqual(first["state"], "running")
        _, second = client.ask("BACKUP", directory=place + "2", token=8, hold_ms=0)
        self.assertEqual(second.code, "busy")
        self.assertIn(place, second.text)
        done, _ = client.ask("BACKUP", timeout=60, directory=place, token=7)
        self.assertEqual(done["state"], "done")
        self.assertEqual(client.ask("BACKUP", directory=place, token=7, hold_ms=0)[0], done)
        self.assertFalse((self.folder / "backup2").exists())
        self.verified(self.folder / "backup")

    def test_stopping_breaks_it_off(self):
        self.submit(self.cluster.client(), 60000)
        place = self.folder / "backup"
        asking = self.cluster.start_muster("asking", "--json", "backup", place)
        wait_for(lambda: (place / "backup.mdb.unfinished").exists() or not asking.alive(), "begun")
        self.assertEqual(self.cluster.broker.stop(), 0)
        asking.kill()
        if place.exists():  # it was quicker
            self.verified(place)

    # ---- damage ----

    def test_damaged(self):
        self.submit(self.cluster.client(), 2000)
        self.backup()
        backup, new = self.folder / "backup", self.folder / "new"
        file = backup / "backup.mdb"
        good = file.read_bytes()
        randomly = random.Random(3)
        for place in [0, 4096 + 30, len(good) - 1, *(randomly.randrange(len(good))
                                                    for _ in range(6))]:
            bad = bytearray(good)
            bad[place] ^= 1 << randomly.randrange(8)
            file.write_bytes(bad)
            self.assertIn("checksum", self.restore(backup, new, status=3))
            status, out, _ = self.musterd("--verify", "--data", backup)
            self.assertEqual(status, 3, out)
            self.assertIn("problem: ", out)
        file.write_bytes(good[:-4096])
        self.assertIn("another size", self.restore(backup, new, status=3))
        file.write_bytes(good)
        manifest = backup / "MANIFEST"
        text = manifest.read_text()
        manifest.write_text(text.replace("epoch 1\n", "epoch 2\n"))
        self.assertIn("MANIFEST is damaged", self.restore(backup, new, status=3))
        manifest.write_text(text.replace("backup 1", "backup 2"))
        self.assertIn("newer", self.restore(backup, new, status=3))
        manifest.unlink()
        self.assertIn("not finished", self.restore(backup, new, status=2))
        self.assertFalse(new.exists())
        manifest.write_text(text)
        self.restore(backup, new)
        self.assertEqual(self.verified(new)["ready"], 2000)

    def test_verify_tells_all(self):
        """A record that a mistake of ours would have changed: its place is named, and counted."""
        self.submit(self.cluster.client(), 3000)
        self.cluster.broker.stop()
        self.verified(self.cluster.data)
        file = self.cluster.data / "data.mdb"
        text = bytearray(file.read_bytes())
        args = b"\x81\xa1n\x01"
        at = -1
        for _ in range(40):
            at = text.index(args, at + 1)
            text[at + 3] ^= 2
        file.write_bytes(text)
        status, out, err = self.musterd("--verify", "--data", self.cluster.data)
        self.assertEqual(status, 3, err)
        problems = [line for line in out.splitlines() if line.startswith("problem: ")]
        self.assertEqual(len(problems), 20)
        self.assertRegex(problems[0],
                         r"^problem: table ready, key [0-9a-f]{26}: the record is damaged$")
        self.assertRegex(out, r"\.\.\. and \d+ more\n")
        self.assertRegex(out, r"ready +3000\n")

    # ---- peers of before ----

    def test_peers_live_on(self):
        """A client and a worker that know more than the restored broker: no end is kept from the
        client, no run of before is taken for one of now, and all jobs end."""
        client = self.cluster.client()
        worker = self.cluster.raw_worker(credit=10, slots=10, kinds=["work"])
        first = client.submit("work", [{}] * 3, notify=1)
        told = self.serve(worker, 3)
        self.assertEqual(sorted(told), sorted(first))
        self.take_ends(client, 3)
        waiting = client.submit("other", [{}] * 4, notify=1)
        self.backup()
        more = client.submit("work", [{}] * 5, notify=1)
        self.serve(worker, 5)
        self.take_ends(client, 5)
        self.cluster.broker.kill()
        self.restore(self.folder / "backup", self.folder / "new")
        self.cluster.data = self.folder / "new"
        self.cluster.start_broker(name="musterd-new")
        self.served = []
        other = self.cluster.raw_worker(credit=10, slots=10, kinds=["other"])
        self.serve(other, 4)
        client.hello(submit_confirmed=client.confirmed, done_confirmed=8)
        ends = self.take_ends(client, 4)
        self.assertEqual(sorted(ends), sorted(waiting))
        gone = client.ask("GET", ids=more)[0]  # it knows that they are no ids of its own to come
        self.assertEqual({job["error"]["code"] for job in gone}, {"gone"})
        last = client.submit("other", [{}], notify=1)
        self.serve(other, 1)
        self.assertEqual(self.take_ends(client, 1), last)

    def serve(self, worker, count):
        """Completes so many jobs; their ids."""
        done = []
        while len(done) < count:
            message = worker.expect("JOBS", timeout=30)
            jobs = message.job_ids()
            worker.results(len(self.served) + 1, dict(zip(jobs, message.runs or [1] * len(jobs))))
            worker.expect("RESULTS_ACK")
            self.served.append(jobs)
            done += jobs
        return done

    def take_ends(self, client, count):
        """So many ends are told, without a hole; their ids."""
        ids = []
        while len(ids) < count:
            message = client.expect("DONE", timeout=30)
            self.assertEqual(message.number, self.taken + message.count)
            self.taken = message.number
            ids += list(message.ids)
            client.send("DONE_ACK", number=message.number)
        return ids


if __name__ == "__main__":
    main()

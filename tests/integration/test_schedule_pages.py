"""What the pages say of schedules: their entries are right, `muster schedule next` answers what
stands there, and the package audit's schedule submits each of its jobs once.

test_schedule_pages.py BIN_FOLDER"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from lib.cluster import Case
from lib.main import main

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/scheduler.md", "docs/man/muster.1.md")
AUDIT = TOP / "docs/examples/package-audit"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def muster(*words):
    """No broker is needed: there is none at that address."""
    return subprocess.run([os.path.join(os.environ["MUSTER_BIN"], "muster"), *words],
                          env={**os.environ, "MUSTER_BROKER": "tcp://127.0.0.1:1"},
                          capture_output=True, text=True, timeout=20)


def blocks():
    """(page, language, text)"""
    for page in PAGES:
        for language, text in FENCED.findall((TOP / page).read_text(encoding="utf-8")):
            yield page, language, text


class Pages(unittest.TestCase):
    def check(self, text, *words):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "schedules.yaml"
            path.write_text(text, encoding="utf-8")
            return muster("schedule", "check", path, *words)

    def test_files_of_entries_are_right(self):
        files = [(page, text) for page, language, text in blocks()
                 if language == "yaml" and text.startswith("schedules:")]
        self.assertGreaterEqual(len(files), 2)
        files.append(("schedules.yaml", (AUDIT / "schedules.yaml").read_text(encoding="utf-8")))
        for page, text in files:
            done = self.check(text)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def test_entries_that_others_become_are_right(self):
        page = (TOP / "docs/scheduler.md").read_text(encoding="utf-8")
        entries = re.findall(r"^\|[^|]*\|.*\| `\w+: (\{.*?\})`[^|]*\|$", page, re.M)
        self.assertGreaterEqual(len(entries), 7)
        done = self.check("schedules:\n" + "".join(
            f"  entry-{at}: {entry}\n" for at, entry in enumerate(entries)))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_every_field_is_in_the_table(self):
        page = (TOP / "docs/scheduler.md").read_text(encoding="utf-8")
        table = page.split("| field | default | |\n")[1].split("\n\n")[0]
        rows = (TOP / "client/scheduler/entry.def").read_text(encoding="utf-8")
        self.assertEqual(re.findall(r"^\| `(\w+)` \|", table, re.M),
                         re.findall(r"^ENTRY_FIELD\((\w+),", rows, re.M))

    def test_expressions_that_are_shown_and_refused(self):
        for good in ("0 9 13 * fri", "0 9 * * fri-sun", "0 9 * * mon#1", "0 0 31W * *"):
            self.assertEqual(muster("schedule", "next", good).returncode, 0, good)
        for bad in ("0 22-2 * * *", "*/90 * * * *", "0 9 * * L", "@reboot", "@every 1h",
                    "30 2 31 2 *", "CRON_TZ=UTC 0 9 * * *"):
            self.assertEqual(muster("schedule", "next", bad).returncode, 2, bad)

    def test_answers_of_next_are_real(self):
        seen = 0
        for page, _, text in blocks():
            for command, answer in re.findall(r"^\$ (muster schedule next .*)\n((?:(?!\$ ).*\n)*)",
                                              text, re.M):
                if "--from" in command:  # others tell of the day on which the page was written
                    done = muster(*shlex.split(command)[1:])
                    self.assertEqual(done.stdout, answer, f"{page}: {command}")
                    seen += 1
        self.assertGreaterEqual(seen, 5)


class Audit(Case):
    """A dpkg database of three packages, of which two have checksums."""

    def setUp(self):
        super().setUp()
        if not shutil.which("dpkg-query"):
            self.skipTest("no dpkg here")
        dpkg = self.cluster.folder / "dpkg"
        (dpkg / "info").mkdir(parents=True)
        (dpkg / "status").write_text("".join(
            f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
            f"Maintainer: x <x@y>\nDescription: x\n\n" for name in ("one", "two", "three")))
        for name in ("one", "two"):
            (dpkg / "info" / f"{name}.md5sums").touch()
        self.environment = {
            "DPKG_ADMINDIR": str(dpkg), "MUSTER_BROKER": self.cluster.endpoints["frontend"],
            "PATH": f"{os.environ['MUSTER_BIN']}:{os.environ['PATH']}"}

    def test_it_submits_each_package_once(self):
        self.cluster.start_worker(
            environment=self.environment, queues=["audit"],
            kinds={"package.audit": f"exec sh {shlex.quote(str(AUDIT / 'audit.sh'))}"})
        scheduler = self.cluster.start_muster("scheduler", "scheduler", AUDIT / "schedules.yaml")
        scheduler.wait_ready(r"^muster scheduler: ready entries=2$")
        [run] = self.json("schedule", "trigger", "package-audit")
        shown = self.json("wait", run["job"])[0]
        self.assertEqual(shown["result"], {"submitted": 2, "duplicates": 0, "refused": 0})
        jobs = self.json("list", "--kind", "package.verify")
        self.assertEqual([job["args"] for job in jobs],
                         [{"package": name, "root": "/"} for name in ("one", "two")])

        # A second attempt of the same run.
        again = subprocess.run(
            ["sh", AUDIT / "audit.sh"], capture_output=True, text=True, timeout=30,
            env={**os.environ, **self.environment, "MUSTER_JOB_ID": run["job"],
                 "MUSTER_SCHEDULE": shown["schedule"],
                 "MUSTER_NOMINAL_TIME": shown["nominal_time"]})
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.assertEqual(again.stdout.strip(), '{"submitted":0,"duplicates":2,"refused":0}')


if __name__ == "__main__":
    main()

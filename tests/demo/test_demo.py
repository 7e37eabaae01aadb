"""The demo as a newcomer meets it: to its end, as root and as nobody, on a terminal, interrupted
and with a broker that dies. Whatever happens, no process and no file may be left.

usage: test_demo.py BIN_FOLDER    (PLAIN_PROGRAMS: those without sanitizers, for the full run)
"""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

TOP = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = "docs/examples/package-audit"
NOBODY = 65534
BIN = None
SCHEDULE = re.compile(r"""
the schedule recheck: (?P<fired>\d+) times fired, (?P<others>\d+) skipped or missed; the newest:
  NOMINAL +VERDICT +REASON +JOB +JUDGED
(?P<rows>(?:  \S+Z +(?:fired +due|skipped +overlap|missed +superseded) .*
){1,3})
""")
CLOSING = re.compile(r"""
(?P<verified>\d+) packages verified, (?P<files>\d+) files, (?P<bytes>\d+) bytes, \d+\.\d s
(?P<again>\d+) jobs run again after worker-2 was killed
(?P<parked>\d+) parked
(?P<list>(?:  \S+: .*
)+)(?P<excluded>\d+) excluded, (?P<unreadable>\d+) not readable
(?:\d+ files below .* stripped from this image
)?try:
(?:  \S+ .*
){3}$""")


class Demo(unittest.TestCase):
    def setUp(self):
        # Below /tmp whatever TMPDIR says: nobody must be able to get there.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-demo-test-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.scratch.chmod(0o1777)
        self.marker = f"MUSTER_DEMO_TEST={uuid.uuid4()}"

    def fewer_packages(self, count=120):
        """A dpkg database that knows the smallest packages only, so that a run is short."""
        known = subprocess.run(["dpkg-query", "-W", "-f", "${Installed-Size} ${Package}\n"],
                               capture_output=True, text=True, check=True).stdout.splitlines()
        sizes = sorted((int(words[0]), words[1]) for words in map(str.split, known)
                       if len(words) == 2)
        smallest = {name for _, name in sizes[:count]}
        stanzas = pathlib.Path("/var/lib/dpkg/status").read_text(encoding="utf-8").split("\n\n")
        folder = self.folder / "dpkg"
        folder.mkdir()
        (folder / "info").symlink_to("/var/lib/dpkg/info")
        (folder / "status").write_text("".join(
            f"{stanza}\n\n" for stanza in stanzas
            if re.match(r"Package: (\S+)", stanza) and stanza.split()[1] in smallest))
        return {"DPKG_ADMINDIR": str(folder)}

    def start(self, *options, programs=None, user=None, environment=(), **more):
        programs, script = pathlib.Path(programs or BIN).resolve(), TOP / EXAMPLE / "demo.sh"
        command = ["sh", str(script), *options]
        if user:
            # The checkout may lie where nobody cannot look.
            shutil.copytree(TOP / EXAMPLE, self.folder / "top" / EXAMPLE)
            shutil.copytree(programs, self.folder / "bin")
            programs = self.folder / "bin"
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "sh",
                       str(self.folder / "top" / EXAMPLE / "demo.sh"), *options]
        name, value = self.marker.split("=")
        environment = {**os.environ, name: value, "TMPDIR": str(self.scratch),
                       "MUSTER_BIN": str(programs), "HOME": str(self.scratch),
                       **dict(environment)}
        process = subprocess.Popen(command, env=environment, start_new_session=True, cwd="/",
                                   stdin=subprocess.DEVNULL, **more)
        self.addCleanup(self.stop, process)
        return process

    def stop(self, process):
        """After a failed test: the demo cleans up after itself when it is asked to end."""
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)
        if process.stdout:
            process.stdout.close()

    def processes(self):
        """(pid, name) of all that the demo started and that still live."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if self.marker.encode() in (entry / "environ").read_bytes():
                    yield int(entry.name), (entry / "comm").read_text().strip()
            except OSError:
                pass

    def nothing_left(self):
        """A handler's killed processes may need a moment to go; nothing else may."""
        deadline = time.monotonic() + 10
        while (left := list(self.processes())) and time.monotonic() < deadline:
            select.select([], [], [], 0.05)
        self.assertEqual(left, [], "processes left behind")
        self.assertEqual(list(self.scratch.iterdir()), [], "files left behind")

    def check_closing(self, text):
        closing = CLOSING.search(text)
        self.assertTrue(closing, text[-3000:])
        parked = closing["list"].splitlines()
        self.assertEqual(len(parked), int(closing["parked"]))
        planted = [line for line in parked if line.endswith("(planted)")]
        self.assertEqual(len(planted), 1, parked)
        self.assertRegex(planted[0], r"^  \S+: /\S.*: differs from what \S+ brought")
        packages = int(re.search(r"^(\d+) installed packages with checksums", text, re.M)[1])
        self.assertEqual(int(closing["verified"]) + len(parked), packages + 1)
        self.assertGreater(int(closing["files"]), packages)
        self.assertGreaterEqual(int(closing["again"]), 1)
        held = re.findall(r"^  ([0-9a-z]{13} \(\S+\))$", text, re.M)
        self.assertTrue(held, text)
        schedule = SCHEDULE.search(text)
        self.assertTrue(schedule, text[-3000:])
        self.assertGreaterEqual(int(schedule["fired"]), 1)
        for job in held:
            ends = r"(?: ran again on worker-[13]|: its result had left worker-2 just before)"
            self.assertRegex(text, rf"(?m)^{re.escape(job)}{ends}$")
        return closing

    def read_until(self, process, pattern, seconds=60):
        text, deadline = "", time.monotonic() + seconds
        while not re.search(pattern, text):
            ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
            self.assertTrue(ready, f"{pattern!r} did not come:\n{text}")
            piece = os.read(process.stdout.fileno(), 65536)
            self.assertTrue(piece, f"ended before {pattern!r}:\n{text}")
            text += piece.decode()
        return text

    def test_to_its_end(self):
        began = time.monotonic()
        process = self.start(programs=os.environ.get("PLAIN_PROGRAMS"), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        text, _ = process.communicate(timeout=120)
        seconds = time.monotonic() - began
        self.assertEqual(process.returncode, 0, text)
        closing = self.check_closing(text)
        if os.getuid() == 0:
            self.assertEqual(closing["unreadable"], "0")
        self.nothing_left()
        self.assertLess(seconds, 50)

    def test_on_a_terminal_as_nobody(self):
        master, slave = pty.openpty()
        process = self.start(user=NOBODY if os.getuid() == 0 else None, stdout=slave, stderr=slave,
                             environment=self.fewer_packages())
        os.close(slave)
        text, deadline = b"", time.monotonic() + 150
        while True:
            ready, _, _ = select.select([master], [], [], deadline - time.monotonic())
            self.assertTrue(ready, text[-3000:].decode())
            try:
                text += os.read(master, 65536)
            except OSError:  # all of its side is closed
                break
        os.close(master)
        self.assertEqual(process.wait(timeout=10), 0, text[-3000:].decode())
        text = text.decode().replace("\r\n", "\n")
        self.check_closing(text)
        self.assertRegex(text, r"\[#+\.+\] \d+/\d+ jobs\n.* job\.\w+ +[0-9a-z]{13} [a-z0-9]\S+ ")
        self.nothing_left()

    def test_ctrl_c(self):
        process = self.start(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.read_until(process, r"jobs; newest:")
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 130)
        self.nothing_left()

    def test_nobody_reads_on(self):
        process = self.start(stdout=subprocess.PIPE)
        self.read_until(process, r"jobs; newest:")
        process.stdout.close()
        self.assertEqual(process.wait(timeout=30), 141)
        self.nothing_left()

    def test_kept_until_ctrl_c(self):
        process = self.start("--keep", environment=self.fewer_packages(),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = self.read_until(process, r"monitor\n", seconds=120)
        commands = re.findall(r"^  (\S*muster --broker .*)$", text, re.M)
        self.assertEqual(len(commands), 4)
        for command, ends in zip(commands, (True, True, True, False)):
            try:
                done = subprocess.run(command, shell=True, cwd=TOP, capture_output=True, text=True,
                                      timeout=20 if ends else 2)
                self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
            except subprocess.TimeoutExpired:
                self.assertFalse(ends, command)
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 0)
        self.nothing_left()

    def test_the_broker_dies(self):
        process = self.start(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.read_until(process, r"jobs; newest:")
        for pid, name in self.processes():
            if name == "musterd":
                os.kill(pid, signal.SIGKILL)
        text, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, text)
        self.assertIn("the broker does not answer", text.decode())
        self.nothing_left()

    def test_unknown_option(self):
        process = self.start("--al", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        text, _ = process.communicate(timeout=10)
        self.assertEqual((process.returncode, text), (2, "usage: ./run demo [--all] [--keep]\n"))
        self.nothing_left()


if __name__ == "__main__":
    if not shutil.which("dpkg-query"):
        print("no dpkg here: nothing to audit")
        sys.exit(77)
    BIN = sys.argv.pop(1)
    unittest.main()

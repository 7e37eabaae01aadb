"""Completion in bash: what is offered for the beginning of a line, against the programs' own help;
and what the man pages show, as the programs read and print it."""
import pathlib
import re
import subprocess

from lib.cluster import READY, Case
from lib.main import main
from lib.programs import bin_folder

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "docs/completion/muster.bash"
# Completes the line $1 as bash would, and prints what is offered; $2 are the breaks, if given.
ASK = """
source "$1" || exit
COMP_LINE=$2 COMP_POINT=${#2}
[[ $3 ]] && COMP_WORDBREAKS=$3
read -ra COMP_WORDS <<<"$COMP_LINE"
_muster "${COMP_WORDS[0]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


class Completion(Case):
    def offered(self, line, breaks="", environment=None):
        done = subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", ASK, "bash", SCRIPT, line, breaks],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
            cwd=self.cluster.folder,
            env={"PATH": f"{bin_folder()}:/usr/bin:/bin", "HOME": str(self.cluster.folder),
                 "ASAN_OPTIONS": "exitcode=99",
                 "MUSTER_BROKER": self.cluster.endpoints["frontend"], **(environment or {})})
        self.assertEqual(done.stderr, "", line)
        return done.stdout.split()

    def help(self, *words):
        return subprocess.run([bin_folder() / words[0], *words[1:], "--help"], capture_output=True,
                              text=True, timeout=60, check=True).stdout

    def check(self, cases):
        for line, wanted in cases.items():
            with self.subTest(line):
                self.assertEqual(sorted(self.offered(line)), sorted(wanted.split()))


class WithoutBroker(Completion):
    broker_first = False

    def setUp(self):
        super().setUp()
        self.cluster.endpoints["frontend"] = f"ipc://{self.cluster.folder}/nobody"

    def test_every_command_and_option(self):
        commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?) {2,}",
                              self.help("muster").partition("Options")[0], re.M)
        self.assertIn("parked retry", commands)
        self.assertEqual(set(self.offered("muster ")),
                         {name.split()[0] for name in commands} | {"help"})
        for name in commands:
            with self.subTest(name):
                first, _, second = name.partition(" ")
                self.assertIn(second or first, self.offered(f"muster {name[:-1]}"))
                text = self.help("muster", *name.split())
                options = set(re.findall(r"^  (--[a-z-]+)", text, re.M))
                self.assertEqual(set(self.offered(f"muster {name} --")), options)
        for program in ("musterd", "muster-worker"):
            options = set(re.findall(r"^ {2,6}(?:-., )?(--[a-z-]+)", self.help(program), re.M))
            self.assertGreater(len(options), 5)
            self.assertEqual(set(self.offered(f"{program} ")), options)

    def test_values(self):
        folder = self.cluster.folder
        (folder / "jobs.ndjson").touch()
        (folder / "job files").mkdir()
        self.check({
            "muster sub": "submit",
            "muster help sub": "submit",
            "muster parked r": "retry",
            "muster --json parked r": "retry",
            "muster --timeout 5s parked r": "retry",
            "muster list --st": "--state",
            "muster list --state p": "parked",
            "muster list --state=c": "completed cancelled",
            "muster submit x --priority ": "0 1 2 3 4 5 6 7 8 9",
            "muster submit --backoff l": "linear:",
            "muster submit --file jobs.": "jobs.ndjson",
            "muster submit --file=jobs.": "jobs.ndjson",
            "muster submit x @jobs.": "@jobs.ndjson",
            "muster submit --wait --b": "--backoff --broker",
            "muster monitor job.s": "job.submitted job.started",
            "muster monitor worker.joined queue.p": "queue.paused",
            "muster monitor schedule.": " ".join(
                f"schedule.{what}" for what in "fired skipped missed changed error".split()),
            "muster scheduler jobs.": "jobs.ndjson",
            "muster scheduler --name x jobs.": "jobs.ndjson",
            "muster scheduler jobs.ndjson jobs.": "",
            "muster schedule check jobs.": "jobs.ndjson",
            "muster --broker t": "tcp://",
            "muster nonsense ": "",
            "muster schedule next x --timezone=Asia/Tok": "Asia/Tokyo",
            "muster schedule put x --timezone Asia/Tok": "Asia/Tokyo",
            "muster schedule put x --overlap ": "skip queue_one allow cancel_old",
            "muster schedule put x --catch-up=": "latest none all",
            "muster schedule backfill x --overlap q": "queue_one",
            "muster queues ": "",
            "musterd --log-l": "--log-level",
            "musterd --log-level=w": "warn",
            "musterd --log-format ": "text json",
            "musterd --config jobs.": "jobs.ndjson",
            "musterd --data jo": "job files",
            "muster-worker --exec a=jobs.": "jobs.ndjson",
            "muster-worker --slots ": "",
            "no-such-program ": "",
        })
        for path in (bin_folder() / "muster", pathlib.Path("./muster")):
            (folder / "muster").unlink(missing_ok=True)
            (folder / "muster").symlink_to(bin_folder() / "muster")
            self.assertEqual(self.offered(f"{path} sub"), ["submit"])

    def test_breaks(self):
        """Bash's own word begins at = and :, unless the user has changed that."""
        (self.cluster.folder / "a:b").touch()
        line = "muster submit --file=a:"
        self.assertEqual(self.offered(line), ["b"])
        self.assertEqual(self.offered(line, " ="), ["a:b"])
        self.assertEqual(self.offered(line, " :"), ["b"])
        self.assertEqual(self.offered(line, " "), ["--file=a:b"])

    def test_nobody_answers(self):
        self.check({"muster pause ": "", "muster submit ": "", "muster show ": ""})


class WithBroker(Completion):
    def test_names_of_the_broker(self):
        self.cluster.start_worker(kinds={"mail": "exit 65", "paint": "true"})
        first = self.submit("mail", "--queue", "post:fast")
        self.submit("mail", "--queue", "post")
        self.wait_state(first, "completed", "parked", "ready")
        self.check({
            "muster pause po": "post post:fast",
            "muster pause post:": "fast",
            "muster pause post ": "",
            "muster list --queue=p": "post post:fast",
            "muster submit m": "mail",
            "muster submit --kind": "",
            "muster list --kind p": "paint",
            "muster-worker --queue p": "post post:fast",
        })
        self.assertIn(first, self.offered("muster show "))
        self.assertIn(first, self.offered(f"muster wait {first} "))
        self.assertEqual(self.offered("muster parked delete "),
                         [job["id"] for job in self.json("parked", "list")])
        named = f"--broker {self.cluster.endpoints['frontend']}"
        elsewhere = {"MUSTER_BROKER": "ipc:///nobody"}
        self.assertEqual(self.offered("muster pause po", environment=elsewhere), [])
        self.assertEqual(sorted(self.offered(f"muster {named} pause po", environment=elsewhere)),
                         ["post", "post:fast"])


    def test_names_of_schedules(self):
        for name, source in (("poll", "cli"), ("poll:fast", "team.yaml")):
            self.muster("schedule", "put", name, "--every", "1h", "--kind", "k", "--source",
                        source, "--args", '{"name": "no schedule", "source": "none"}')
        self.check({
            "muster schedule pause ": "poll poll:fast",
            "muster schedule pause poll poll:": "fast",
            "muster schedule history p": "poll poll:fast",
            "muster schedule history poll ": "",
            "muster schedule list --source ": "cli team.yaml",
            "muster schedule list --source=t": "team.yaml",
            "muster scheduler --name ": "",
        })


class Pages(Case):
    """What no --help tells: the examples for /etc/muster, and the figures."""

    def test_stats(self):
        page = (TOP / "docs/man/muster.1.md").read_text()
        table = page.partition("### muster stats\n")[2].partition("\n### ")[0]
        told = re.findall(r"`([a-z0-9_]+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.M)))
        self.assertEqual(sorted(told), sorted(self.json("stats").keys() - {"topic"}))

    def example(self, program):
        page = (TOP / "docs/man/muster.yaml.5.md").read_text()
        text = re.search(rf"<!-- tested: {program} -->\n```yaml\n(.*?)```", page, re.S)[1]
        path = self.cluster.folder / f"{program}.yaml"
        path.write_text(text)
        return path

    def test_musterd(self):
        path = self.example("musterd")
        done = subprocess.run([bin_folder() / "musterd", "--check-config", path], timeout=60,
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{path}: ok\n", ""))
        settings = (TOP / "broker/run/config.def").read_text()
        self.assertEqual(set(re.findall(r"^([a-z-]+):", path.read_text(), re.M)),
                         set(re.findall(r'^SETTING\(\w+, "([a-z-]+)"', settings, re.M)))

    def test_muster_worker(self):
        path = self.example("muster-worker")
        worker = self.cluster.start("worker", [bin_folder() / "muster-worker", "--config", path,
                                               "--broker", self.cluster.endpoints["backend"]])
        ready = worker.wait_ready(r"^muster-worker: ready name=(\S+) .*slots=(\d+)$")
        self.assertEqual(ready.groups(), ("mail-1", "8"))
        shown = self.json("workers")[0]
        self.assertEqual(sorted(shown["queues"]), ["default", "mail"])
        self.assertEqual(len(shown["kinds"]), 4)


if __name__ == "__main__":
    main()

"""The broker allocates no memory per job: its allocations, counted by a library that is preloaded.

With AddressSanitizer malloc is another one: this runs the programs of $PLAIN_PROGRAMS, or those of
the build if they have no sanitizer. $COUNT_MALLOC: the counting library.
"""
import os
import pathlib
import struct
import sys

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

WARM_UP = 20_000
JOBS = 120_000


class Allocations(Case):
    broker_first = False

    def setUp(self):
        super().setUp()
        self.counts = self.cluster.folder / "counts"

    def counted(self):
        """Allocations so far: all, and those that musterd's own code asked for."""
        return struct.unpack("=2Q", self.counts.read_bytes())

    def push(self, jobs, total):
        """Submits and runs so many; until the broker has counted `total` completed ones."""
        load = f"{jobs}:100:1:1:1:0:0:bench.noop"
        self.muster("bench-submitter", self.cluster.endpoints["frontend"], load)

        def done():
            queues = self.muster("--json", "queues").json()
            return sum(queue["completed"] for queue in queues) == total
        wait_for(done, f"{total} completed jobs")

    def muster(self, *words, status=0):
        # The hidden commands come first on the line.
        if words[0].startswith("bench-"):
            program = self.cluster.start("submitter", [self.cluster.muster_command()[0], *words])
            self.assertEqual(program.wait(), status, program.tail())
            return None
        return super().muster(*words, status=status)

    def test_none_per_job(self):
        # Default times: a lease that lapses would cost allocations, and be another test.
        self.cluster.settings = {}
        preload = {"LD_PRELOAD": os.environ["COUNT_MALLOC"], "COUNT_MALLOC_FILE": str(self.counts)}
        self.cluster.environment.update(preload)
        self.cluster.start_broker()
        for name in preload:
            del self.cluster.environment[name]
        muster = self.cluster.muster_command()[0]
        self.cluster.start("worker", [muster, "bench-worker", self.cluster.endpoints["backend"],
                                      "1:100:1:1:1:0:0:bench.noop"])
        self.push(WARM_UP, WARM_UP)
        before = self.counted()
        self.assertGreater(before[1], 0, "nothing is counted")
        self.push(JOBS, WARM_UP + JOBS)
        after = self.counted()
        every, own = ((now - then) / JOBS for now, then in zip(after, before))
        print(f"allocations a job: {every:.4f}, by musterd's own code {own:.4f}", file=sys.stderr)
        # Some a message, of hundreds of jobs each, are well; one for every tenth job is not.
        self.assertLess(every, 0.1)
        self.assertLess(own, 0.05)


def has_sanitizer(folder):
    return b"__asan_init" in (pathlib.Path(folder) / "musterd").read_bytes()


if __name__ == "__main__":
    if os.environ.get("PLAIN_PROGRAMS"):
        sys.argv[1:2] = [os.environ["PLAIN_PROGRAMS"]]
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]) and has_sanitizer(sys.argv[1]):
        print("these programs have a sanitizer, and PLAIN_PROGRAMS is not set")
        sys.exit(77)
    main()

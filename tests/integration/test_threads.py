"""Threads: the library under many of them at once, and the three programs while jobs run and
processes are killed. With ThreadSanitizer (./run test) every race that it sees fails the test; in
other builds this is one more drive with real processes."""
from lib.cluster import Case
from lib.main import main
from lib.programs import PATIENCE, bin_folder, wait_for

JOBS = 400
STRESS_JOBS = 800
KINDS = {"work": "cat >/dev/null; echo 1", "bad": "exit 65"}


class Threads(Case):
    # ThreadSanitizer makes everything slow; nobody is to be given up for that.
    settings = {"heartbeat": "500ms", "lease": "10s", "restart-grace": "3s"}

    def test_library(self):
        stress = bin_folder().parent / "tests" / "thread_stress"
        program = self.cluster.start("stress", [stress, self.cluster.endpoints["frontend"],
                                                self.cluster.endpoints["backend"], STRESS_JOBS])
        self.assertEqual(program.wait(100), 0, program.tail())
        self.assertRegex(program.out(), r"thread_stress: \d+ jobs ran")

    def test_programs(self):
        """Jobs by a file and one by one, a monitor, two workers; the broker and a worker are killed
        and start again; the other worker is drained at the end."""
        monitor = self.cluster.start_muster("monitor", "--json", "monitor")
        workers = [self.cluster.start_worker(kinds=KINDS, name=f"w{n}", slots=4) for n in range(2)]
        jobs = self.cluster.folder / "jobs"
        jobs.write_text("".join('{"kind":"%s"}\n' % ("bad" if n % 10 == 0 else "work")
                                for n in range(JOBS)))
        submit = self.cluster.start_muster("submit", "submit", "--file", jobs)
        self.wait_ended(JOBS // 8)
        self.cluster.restart_broker()
        self.wait_ended(JOBS // 4)
        workers[0].kill()
        workers[0] = self.cluster.start_worker(kinds=KINDS, name="again", slots=4)
        self.assertEqual(submit.wait(), 0, submit.tail())
        self.json("submit", "work", "--wait")
        self.wait_ended(JOBS + 1)
        self.assertGreater(len(self.cluster.client().all_jobs()), JOBS // 2)  # large answers
        for worker in workers:
            self.assertEqual(worker.stop(), 0)
        wait_for(lambda: "worker.left" in monitor.out(), monitor.out)
        self.assertEqual(self.cluster.broker.stop(), 0)

    def wait_ended(self, count):
        seen = {}

        def ended():
            seen.update((row["queue"], row["completed"] + row["parked"])
                        for row in self.json("queues"))
            return sum(seen.values()) >= count
        return wait_for(ended, lambda: f"{count} jobs ended: {seen}", 2 * PATIENCE)


if __name__ == "__main__":
    main()

"""Judges a run by what it left behind: acknowledgements, the handlers' log, the jobs at the end.

The handlers' log has a line for each start and each end of a run:

    start ID TOKEN ATTEMPT WORKER PID
    end ID TOKEN STATUS WORKER PID

Each start of a worker process has a name of its own, so that "this worker was killed" is a cause
that can be looked up. What is judged:

- each acknowledged job exists once and has ended: in one terminal state, or parked;
- no job exists that nobody submitted;
- a token is started once: a run is granted to one session;
- a completed job's result is that of a run that came to its end, and of the newest that was
  started: results of older runs are refused;
- each run after the first has a cause in the one before: its worker was killed, or the job's
  attempts tell that it failed, timed out, was put off, given back or lost;
- nothing runs beside its own re-run because of a killed worker: its handlers died with it.
"""
import collections

TERMINAL = ("completed", "cancelled", "expired", "parked")
# Outcomes of an attempt after which another run is in order.
CAUSES = ("failed", "timeout", "snoozed", "released", "lost")

Run = collections.namedtuple("Run", "number worker started ended status")


def read_runs(lines):
    """{id: {run number: Run}}, and tokens that were started more than once. Times are places in
    the log."""
    runs, twice = collections.defaultdict(dict), []
    for place, words in enumerate(lines):
        what, job, token, note, worker = words[:5]
        number = int(token.split(".")[1])
        if what == "start":
            if number in runs[job]:
                twice.append(token)
            runs[job][number] = Run(number, worker, place, None, None)
        elif number in runs[job]:
            runs[job][number] = runs[job][number]._replace(ended=place, status=int(note))
    return runs, twice


class Oracle:
    def __init__(self):
        self.acknowledged = set()
        self.maybe = set()  # submitted; nobody knows whether it was acknowledged
        self.killed = set()  # names of workers that were killed

    def judge(self, jobs, handler_lines):
        """jobs: all that the broker knows, as shown. What is wrong, a line each."""
        wrong = []
        shown = collections.Counter(job["id"] for job in jobs)
        wrong += [f"{job} is listed {n} times" for job, n in shown.items() if n > 1]
        wrong += [f"{job} was acknowledged and is missing"
                  for job in self.acknowledged - set(shown)]
        wrong += [f"{job} exists and nobody submitted it"
                  for job in set(shown) - self.acknowledged - self.maybe]
        runs, twice = read_runs(handler_lines)
        wrong += [f"{token} was started more than once" for token in twice]
        wrong += [f"{job} was run and does not exist" for job in set(runs) - set(shown)]
        for job in jobs:
            wrong += [f"{job['id']}: {text}\n    {self._story(job, runs)}"
                      for text in self._judge_job(job, runs.get(job["id"], {}))]
        return wrong

    def _judge_job(self, job, runs):
        if job["state"] not in TERMINAL:
            yield f"has not ended: {job['state']}, waits {job['waits']}"
        if job["state"] == "completed":
            yield from self._judge_result(job, runs)
        failures = sum(1 for run in runs.values() if run.status)
        if job["failures"] > failures:
            yield f"has {job['failures']} failures, and handlers failed {failures} times"
        yield from self._judge_causes(job, runs)
        yield from self._judge_overlap(runs)

    def _judge_result(self, job, runs):
        if not runs:
            yield "completed and was never run"
            return
        newest = max(runs)
        if job["result"] != f"{job['id']}.{newest}":
            yield f"has the result {job['result']!r}, and run {newest} was started"
        elif runs[newest].ended is None or runs[newest].status:
            yield f"completed by run {newest}, which did not come to its end"

    def _judge_causes(self, job, runs):
        told = collections.Counter((attempt["worker"], attempt["outcome"])
                                   for attempt in job["attempts"])
        for number in sorted(runs)[:-1]:
            run = runs[number]
            if run.worker in self.killed:
                continue
            cause = next((key for key in told
                          if key[0] == run.worker and key[1] in CAUSES and told[key]), None)
            if cause:
                told[cause] -= 1
            else:
                yield f"ran again after run {number} on {run.worker}, without a cause"

    def _judge_overlap(self, runs):
        numbers = sorted(runs)
        for older, newer in zip(numbers, numbers[1:]):
            run = runs[older]
            if run.worker in self.killed and run.ended and run.ended > runs[newer].started:
                yield f"run {older} went on beside run {newer}, after its worker was killed"

    @staticmethod
    def _story(job, runs):
        attempts = [(one["attempt"], one["worker"], one["outcome"]) for one in job["attempts"]]
        return (f"state {job['state']} losses {job['losses']} error {job['error']} attempts "
                f"{attempts} runs {sorted(runs.get(job['id'], {}).values())}")

"""What is measured: each system with the batching that serves it best, and how a run is made."""
import dataclasses
import json

import servers

PAYLOAD = 100
RUN_S = 300  # no run may take longer
MUSTER = "muster"
LIMIT = "limit-500"  # the bare limit with frames as muster's: about 500 jobs
REDIS_ALWAYS = "redis-always"


@dataclasses.dataclass(frozen=True)
class Run:
    name: str
    jobs: int  # for some seconds on the machine that this was written on
    durable: str
    batching: str
    server: str = ""  # a row of servers.PROGRAMS
    options: tuple = ()
    load: tuple = ()  # peer_load's PEER, BATCH, TAKE, and the rest
    per_frame: int = 0  # of the bare limit


def redis(name, jobs, appendfsync, batch, durable, *rest):
    how = f"MULTI, {batch} XADD, EXEC" if rest else f"{batch} XADD in a pipeline"
    return Run(name, jobs, durable,
               f"{how}, 2 on their way; XREADGROUP COUNT {batch}; XACK and XDEL of all that came",
               "redis-server", (appendfsync,), ("redis", batch, batch, *rest))


def beanstalkd(name, jobs, durable, *options):
    return Run(name, jobs, durable, "1000 puts in a pipeline; 100 reserves, each with a delete",
               "beanstalkd", options, ("beanstalkd", 500, 100))


def limit(per_frame, jobs):
    what = f"{per_frame} jobs" if per_frame > 1 else "1 job"
    return Run(f"limit-{per_frame}", jobs, "synced", f"frames of {what}, 65,536 jobs on their way",
               per_frame=per_frame)


RUNS = (
    Run(MUSTER, 2_000_000, "synced", "default settings: one call a job, the library batches"),
    limit(500, 3_000_000),
    limit(100, 3_000_000),
    limit(1, 1_000_000),
    Run("gearmand", 800_000, "none", "200 background jobs in a pipeline; 100 grabs in one",
        "gearmand", (), ("gearmand", 100, 100)),
    redis("redis-everysec-100", 400_000, "everysec", 100, "each second"),
    redis("redis-everysec-1000", 400_000, "everysec", 1000, "each second"),
    redis("redis-always-100", 200_000, "always", 100, "synced"),
    redis("redis-always-1000", 200_000, "always", 1000, "synced"),
    redis("redis-always-multi", 300_000, "always", 2000, "synced", "transaction"),
    beanstalkd("beanstalkd", 100_000, "none"),
    beanstalkd("beanstalkd-binlog", 60_000, "each 50 ms", "-b", "{folder}"),
    beanstalkd("beanstalkd-fsync", 6_000, "synced", "-b", "{folder}", "-f", "0"),
)


def chosen(words):
    """The runs that --only names: a name, or the beginning of some."""
    if not words:
        return RUNS
    for word in words:
        if not any(run.name.startswith(word) for run in RUNS):
            raise ValueError(f"--only: nothing is called {word}; there are: "
                             + ", ".join(run.name for run in RUNS))
    return tuple(run for run in RUNS if any(run.name.startswith(word) for word in words))


class Bench:
    """Makes runs; all that they write lies below `data`."""

    def __init__(self, programs, load_programs, packages, data, scale):
        self.programs = programs
        self.load_programs = load_programs
        self.packages = packages
        self.data = data
        self.scale = scale

    def jobs(self, run):
        return max(1, round(run.jobs * self.scale))

    def measure(self, run):
        """Jobs a second. Raises servers.Failed or packages.Unavailable."""
        with servers.data_folder(self.data) as folder:
            if run.name == MUSTER:
                return self._muster(run, folder)
            if run.per_frame:
                command = [str(self.load_programs / "bare_limit"), str(folder),
                           str(self.jobs(run)), str(run.per_frame), str(PAYLOAD)]
                return self._rate(run, servers.call(command, RUN_S))
            with servers.serving(self.packages, run.server, folder, *run.options) as port:
                return self._load(run, port)

    def _load(self, run, port):
        peer, batch, take, *rest = run.load
        command = [str(self.load_programs / "peer_load"), peer, str(port), str(self.jobs(run)),
                   str(batch), str(take), str(PAYLOAD), *rest]
        return self._rate(run, servers.call(command, RUN_S))

    def _rate(self, run, text):
        result = json.loads(text)
        if result["jobs"] != self.jobs(run) or result["seconds"] <= 0:
            raise servers.Failed(f"the load program answered {text.strip()}")
        return result["jobs"] / result["seconds"]

    def _muster(self, run, folder):
        command = [str(self.programs / "muster"), "bench", "--json", "--jobs", str(self.jobs(run)),
                   "--payload", str(PAYLOAD), "--data", str(folder)]
        return float(json.loads(servers.call(command, RUN_S))["jobs_per_s"])

"""Run trainings side by side, each in a process of its own, and look after them until all are done.

A training follows the convention of diffusion_core/training/resumable.py: its command resumes it, its
progress.json says how far it is. So nothing is remembered here that a kill could lose: whoever starts again
reads how far each training is, and goes on.

Two processes of two threads each on two cores are 10 to 100 times slower than of one thread each, so the
threads of all lanes add up to the cores; a training that is left alone is started again with all of them.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diffusion_core.training.resumable import LOCK, is_locked, locked, read_progress, write_whole

WAITS = (30.0, 300.0)  # seconds before the second and the third try of a training that failed
GRACE = 60.0  # seconds in which a training may save after it was asked to stop
WORTH_IT = 900.0  # seconds: with less to do, a training is not started again for the sake of threads
POLL, REPORT = 0.5, 30.0  # seconds between two looks, between two writings of queue.json
REASON_LINES = 3  # of a log, told when a training failed
PR_SET_PDEATHSIG = 1


@dataclass
class Job:
    """A training: its name, its command, the names of those that must be done before; how it fares."""

    name: str
    argv: list[str]
    after: tuple[str, ...] = ()
    process: subprocess.Popen | None = None
    threads: int = 0
    failures: int = 0  # in a row, with no step done between
    reached: int = -1  # the step at which it failed last
    began: int = 0  # the step at which it was started
    log_began: int = 0  # the byte of the log at which it was started
    not_before: float = 0.0  # time.monotonic() at which it may be tried again
    asked: bool = False  # to stop
    reason: str = ""  # why it failed


class Lanes:
    """Up to `lanes` jobs at once. run() returns 0 when all are done or it was told to stop, else 1."""

    def __init__(
        self,
        jobs: list[Job],
        runs: Path,
        lanes: int = 2,
        cores: int = 2,
        nice: int = 10,
        waits: tuple[float, ...] = WAITS,
        grace: float = GRACE,
        worth_it: float = WORTH_IT,
    ):
        self.jobs, self.runs, self.lanes, self.cores, self.nice = jobs, runs, lanes, cores, nice
        self.waits, self.grace, self.worth_it = waits, grace, worth_it
        self.by_name = {job.name: job for job in jobs}
        self.stopping = self.hurry = False
        self.reported = 0.0

    def run(self) -> int:
        """AlreadyRunning if another queue works in the same folder."""
        with locked(self.runs / "queue.lock", "A queue"):
            lower(0, self.nice)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                if signal.getsignal(number) != signal.SIG_IGN:  # nohup
                    signal.signal(number, self._signalled)
            say("queue", lanes=self.lanes, cores=self.cores, pid=os.getpid())
            try:
                while not self.stopping and self._look():
                    time.sleep(POLL)
            finally:
                self._stop_all()
                self._report()
            failed = [job.name for job in self.jobs if self.state(job) in ("failed", "blocked")]
            say("stopped" if self.stopping else "ended", failed=failed)
            return 1 if failed and not self.stopping else 0

    def state(self, job: Job) -> str:
        """done, running, elsewhere (another process trains it), failed, blocked (what it needs failed),
        waiting (for what it needs), retry (failed, waits for its next try), ready."""
        if job.process:
            return "running"
        if read_progress(self.runs / job.name)["done"]:
            return "done"
        if job.failures > len(self.waits):
            return "failed"
        needs = [self.state(self.by_name[name]) for name in job.after]
        if {"failed", "blocked"} & set(needs):
            return "blocked"
        if set(needs) - {"done"}:
            return "waiting"
        if is_locked(self.runs / job.name / LOCK):
            return "elsewhere"
        return "retry" if time.monotonic() < job.not_before else "ready"

    def _look(self) -> bool:
        """Reap, start, give threads. Is there anything left to wait for?"""
        for job in self.jobs:
            if job.process and job.process.poll() is not None:
                self._ended(job)
        states = {job.name: self.state(job) for job in self.jobs}
        active = [n for n, state in states.items() if state in ("running", "elsewhere", "retry", "ready")]
        threads = self.cores if len(active) == 1 else max(1, self.cores // self.lanes)
        taken = sum(state in ("running", "elsewhere") for state in states.values())
        ready = [job for job in self.jobs if states[job.name] == "ready"]
        for job in ready[: max(0, self.lanes - taken)]:
            self._start(job, threads)
        running = [job for job in self.jobs if job.process]
        if len(active) == len(running) == 1 and self._deserves(running[0], threads):
            self._ask(running[0], "goes on with more threads")
        if ready or time.monotonic() - self.reported > REPORT:
            self._report()
        return bool(active)

    def _start(self, job: Job, threads: int) -> None:
        folder = self.runs / job.name
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "log.txt"
        job.log_began = log.stat().st_size if log.exists() else 0
        job.began, job.threads, job.asked = read_progress(folder)["step"], threads, False
        job.process = launched(job.argv, log, threads)
        lower(job.process.pid, self.nice)
        say("start", name=job.name, pid=job.process.pid, threads=threads, step=job.began)

    def _ended(self, job: Job) -> None:
        code, folder = job.process.returncode, self.runs / job.name
        job.process = None
        now = read_progress(folder)
        if now["done"]:
            say("done", name=job.name, samples=now["samples"], hours=round(now["seconds"] / 3600, 2))
        elif job.asked or (code == 0 and now["step"] > job.began):
            say("paused", name=job.name, step=now["step"])
        else:
            job.failures = 1 if now["step"] > job.reached else job.failures + 1
            job.reached = now["step"]
            how = f"ended by signal {-code}" if code < 0 else f"exit status {code}"
            job.reason = f"{how}: {last_lines(folder / 'log.txt', job.log_began)}"
            wait = self.waits[job.failures - 1] if job.failures <= len(self.waits) else None
            job.not_before = time.monotonic() + (wait or 0)
            say("failed", name=job.name, tries=job.failures, again_in=wait, reason=job.reason)
        self._report()

    def _deserves(self, job: Job, threads: int) -> bool:
        """More threads, though it costs a start: it has begun to save, and it has much to do."""
        now = read_progress(self.runs / job.name)
        if job.threads >= threads or job.asked or now["step"] <= job.began:
            return False
        return now["seconds"] / now["step"] * (now["steps"] - now["step"]) > self.worth_it

    def _ask(self, job: Job, why: str) -> None:
        say("ask", name=job.name, why=why)
        job.asked = True
        job.process.terminate()

    def _stop_all(self) -> None:
        """Tell all to save and stop; end those that have not after a while, or at a second Ctrl-C."""
        for job in self.jobs:
            if job.process and not job.asked:
                self._ask(job, "saves and stops")
        until = time.monotonic() + self.grace
        while running := [job for job in self.jobs if job.process]:
            for job in running:
                if job.process.poll() is not None:
                    self._ended(job)
                elif time.monotonic() > until or self.hurry:
                    say("kill", name=job.name)
                    with suppress(ProcessLookupError):
                        os.killpg(job.process.pid, signal.SIGKILL)
            time.sleep(0.05)

    def _signalled(self, number: int, _frame) -> None:
        self.hurry |= self.stopping and number == signal.SIGINT
        self.stopping = True

    def _report(self) -> None:
        """queue.json, for whoever wants to know."""
        self.reported = time.monotonic()
        trainings = {
            job.name: {
                "state": self.state(job),
                "pid": job.process.pid if job.process else None,
                "threads": job.threads if job.process else None,
                "failures": job.failures,
                "reason": job.reason,
            }
            | read_progress(self.runs / job.name)
            for job in self.jobs
        }
        about = {"pid": os.getpid(), "written": time.strftime("%Y-%m-%d %H:%M:%S"), "lanes": self.lanes}
        with suppress(OSError):  # a full disk: the trainings say so themselves
            write_whole(
                self.runs / "queue.json", json.dumps(about | {"trainings": trainings}, indent=1) + "\n"
            )


def say(event: str, **facts) -> None:
    """A line of JSON; if nobody listens any more, the work goes on."""
    line = {"time": time.strftime("%Y-%m-%d %H:%M:%S"), "event": event} | facts
    with suppress(OSError):
        print(json.dumps(line), flush=True)


def launched(argv: list[str], log: Path, threads: int) -> subprocess.Popen:
    """Start a command in a session of its own; it is asked to stop if this process dies."""
    count = str(threads)
    env = os.environ | {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "PYTHONUNBUFFERED": "1"}
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    with log.open("ab") as file:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            preexec_fn=dying_with(os.getpid(), libc) if libc else None,
        )


def dying_with(parent: int, libc: ctypes.CDLL) -> Callable[[], None]:
    """What a child does before its program starts: ask Linux for SIGTERM when its parent dies."""

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return bind


def lower(pid: int, nice: int) -> None:
    """The priority of a process, and of its session: Linux weighs sessions first, and nice only within one.

    0 is this process, whose session is left alone. What one may not do is left undone.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    autogroup = Path(f"/proc/{pid}/autogroup")
    for _ in range(5 if pid and autogroup.exists() else 0):
        try:
            autogroup.write_text(str(nice))
            return
        except BlockingIOError:  # Linux allows ten changes a second
            time.sleep(0.15)
        except OSError:
            return


def last_lines(log: Path, start: int) -> str:
    """What a log says at its end, after byte `start`."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 4000))
        lines = file.read().decode(errors="replace").splitlines()
    return " | ".join([line.strip() for line in lines if line.strip()][-REASON_LINES:]) or "it said nothing"

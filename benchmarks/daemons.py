"""A real daemon in a home of its own, and what it costs: for the programs in benchmarks/peers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import apsw

from benchmarks.harness import MISSING, ROOT
from jarvis.memory import MemoryStore

JARVIS = [sys.executable, "-m", "jarvis"]
MIB = 2**20
SETTINGS = ("JARVIS_", "DAEMON_", "SCHEDULER_", "WEBHOOK_")  # of whoever measures: they are not to change the figures


def missing(what: str) -> NoReturn:
    """End a program that cannot measure here: the harness tells why."""
    print(what, file=sys.stderr)
    raise SystemExit(MISSING)


def need_proc() -> None:
    """These figures are read from Linux's /proc."""
    if not Path("/proc/self/smaps_rollup").exists():
        missing("needs Linux: it is read from /proc")


@contextmanager
def home() -> Iterator[Path]:
    """A new home, on the disk this project is on: the default for temporary files may be memory."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=build) as folder:
        (Path(folder) / "data").mkdir(mode=0o700)
        yield Path(folder)


def store_path(folder: Path) -> Path:
    """Where the home keeps its store."""
    return folder / "data" / "memory.db"


@contextmanager
def store(folder: Path, *, seeded: bool = True) -> Iterator[MemoryStore]:
    """The home's store, open. `seeded`: a daemon will not add the tasks of a first start."""
    memory = MemoryStore(str(store_path(folder)))
    try:
        if seeded:
            memory.first_start()
        yield memory
    finally:
        memory.close()


def ask(folder: Path, question: str, *values: object) -> Any:
    """One number from the home's store, read without touching it."""
    reader = apsw.Connection(str(store_path(folder)), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        reader.set_busy_timeout(5_000)
        return reader.execute(question, values).get
    finally:
        reader.close()


def succeeded(folder: Path, task: str = "%") -> int:
    """How many runs, of one task or of all, have succeeded."""
    told = "SELECT COUNT(*) FROM runs JOIN tasks t ON t.id = task_id WHERE state = 'succeeded' AND t.name LIKE ?"
    return int(ask(folder, told, task))


def wait_for(what: Callable[[], object], within: float = 120, every: float = 0.1) -> None:
    """Until it is so."""
    until = time.perf_counter() + within
    while not what():
        if time.perf_counter() > until:
            raise SystemExit(f"what was waited for did not come within {within:g} s")
        time.sleep(every)


def wait_for_start(folder: Path) -> None:
    """Until a daemon has entered the store."""
    wait_for(lambda: ask(folder, "SELECT COUNT(*) FROM instances WHERE stopped_at IS NULL"))


def environment(folder: Path) -> dict[str, str]:
    """What a process gets that works in this home, with everything else as it is by default."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return {**kept, "JARVIS_HOME": str(folder), "JARVIS_TIMEZONE": "UTC"}


@contextmanager
def daemon(
    folder: Path, before: Sequence[str] = (), program: Sequence[str] = (*JARVIS, "daemon")
) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon on this home; afterwards it is stopped and must have stopped well. `before`: a tracer around it."""
    process = subprocess.Popen([*before, *program], env=environment(folder), stderr=subprocess.DEVNULL)
    try:
        yield process
        if process.poll() is not None:
            raise SystemExit(f"the daemon ended by itself with {process.returncode}")
    finally:
        if process.poll() is None:
            stop(process, traced=bool(before))
    if process.returncode:
        raise SystemExit(f"the daemon did not stop well: {process.returncode}")


def stop(process: subprocess.Popen[bytes], traced: bool) -> None:
    """Tell it to stop; where a tracer stands before it, the tracer's child."""
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    pids = Path(children).read_text().split() if traced else [str(process.pid)]
    for pid in pids:
        os.kill(int(pid), signal.SIGTERM)
    process.wait(120)


def cpu_seconds(pid: int) -> float:
    """The processor time a process has used, all its threads, also those that have ended; to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) answers on Linux


def memory(pid: int) -> Mapping[str, float]:
    """Resident and private dirty memory in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = {name: int(size) / 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    return {"resident_mib": found["Rss"], "private_dirty_mib": found["Private_Dirty"]}


def wakeups(pid: int) -> int:
    """How often the threads of a process gave up the processor of their own will, that is, waited and were woken."""
    statuses = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE)[0]) for text in statuses)


def cpu_of(command: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """Run a command to its end: the seconds of processor time it and its children used. It must succeed."""
    out = os.open(os.devnull, os.O_WRONLY)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, out, 1)]
        pid = os.posix_spawn(command[0], list(command), dict(os.environ if env is None else env), file_actions=actions)
    finally:
        os.close(out)
    _, status, used = os.wait4(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed with {code}")
    return used.ru_utime + used.ru_stime

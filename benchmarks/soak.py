"""A real daemon under a steady load for a long time: is anything it holds growing? `make soak` runs it for an hour.

Twenty `noop` tasks every 500 ms and ten `command` tasks every second: 50 runs a second. Every few seconds the
daemon's memory, threads, descriptors and children are read. At the end it is stopped, its ledger is counted, and
the last quarter of the time is compared with the first quarter after the warm-up. Exit 1 if memory grew by more
than 5 %, if threads, descriptors or children grew, or if the ledger is not whole.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

JARVIS = [sys.executable, "-m", "jarvis"]
QUICK, COMMANDS = 20, 10
FLAT = 1.05  # the last quarter's memory over the first one's, at most
WARM_UP = 0.1  # of the time: threads, caches and the page cache reach their size


@dataclass(frozen=True)
class Reading:
    """What the daemon holds at a moment."""

    at: float  # seconds from the start
    resident: int  # bytes
    threads: int
    descriptors: int
    children: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="seconds between two readings")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jarvis-soak-") as home:
        environment = os.environ | {"JARVIS_HOME": home, "DAEMON_LOG_LEVEL": "WARNING"}
        add_tasks(environment)
        readings = watch(environment, args.minutes * 60, args.every)
        found = judge(readings, ledger(Path(home) / "data" / "memory.db"))
    print(json.dumps(found))
    return 0 if found["ok"] else 1


def add_tasks(environment: dict[str, str]) -> None:
    """Fifty runs a second."""
    for number in range(QUICK):
        add(environment, f"quick{number}", "--every", "500ms", "--handler", "noop")
    for number in range(COMMANDS):
        add(environment, f"command{number}", "--every", "1s", "--", "/bin/echo", "here")


def add(environment: dict[str, str], name: str, *how: str) -> None:
    subprocess.run([*JARVIS, "task", "add", name, *how], env=environment, check=True, capture_output=True)


def watch(environment: dict[str, str], seconds: float, every: float) -> list[Reading]:
    """Run the daemon for so long, reading what it holds; then stop it."""
    daemon = subprocess.Popen([*JARVIS, "daemon"], env=environment, stderr=subprocess.DEVNULL)
    process, started, readings = psutil.Process(daemon.pid), time.monotonic(), list[Reading]()
    try:
        while (at := time.monotonic() - started) < seconds:
            if daemon.poll() is not None:
                raise SystemExit(f"the daemon ended by itself with {daemon.returncode} after {at:.0f} s")
            readings.append(read(process, at))
            progress(readings, seconds)
            time.sleep(every)
    finally:
        daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(60)
    if code:
        raise SystemExit(f"the daemon did not stop cleanly: exit code {code}")
    return readings


def read(process: psutil.Process, at: float) -> Reading:
    with process.oneshot():
        return Reading(
            at,
            process.memory_info().rss,
            process.num_threads(),
            process.num_fds(),
            len(process.children(recursive=True)),
        )


def progress(readings: Sequence[Reading], seconds: float) -> None:
    """One line on a terminal, one a minute elsewhere."""
    last = readings[-1]
    line = (
        f"{last.at / 60:6.1f} of {seconds / 60:g} min: {last.resident / 2**20:.1f} MiB, {last.threads} threads, "
        f"{last.descriptors} descriptors, {last.children} children"
    )
    if sys.stderr.isatty():
        print(f"\r{line}", end="", file=sys.stderr, flush=True)
    elif len(readings) < 2 or int(last.at / 60) != int(readings[-2].at / 60):
        print(line, file=sys.stderr, flush=True)


def ledger(path: Path) -> dict[str, int]:
    """How the ledger stands: rows, how many are open, how many instants nobody accounted for."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        rows, instants, open_rows, failed = store.execute(
            "SELECT COUNT(*), SUM(count), SUM(state IN ('pending', 'running')),"
            " SUM(state NOT IN ('succeeded', 'missed', 'skipped', 'pending', 'running')) FROM runs"
        ).fetchone()
        # Every schedule here is an even interval: what the ledger should hold follows from its ends.
        lost = sum(
            (last - first) // every + 1 - count
            for every, first, last, count in store.execute(
                "SELECT CASE WHEN t.name LIKE 'quick%' THEN 500000 ELSE 1000000 END, MIN(r.due_at),"
                " MAX(COALESCE(r.until, r.due_at)), SUM(r.count) FROM runs r JOIN tasks t ON t.id = r.task_id"
                " WHERE t.origin = 'user' GROUP BY t.id"
            )
        )
        whole = store.execute("PRAGMA quick_check").fetchone()[0] == "ok"
    return {"rows": rows, "instants": instants, "open": open_rows, "failed": failed, "lost": lost, "damaged": not whole}


def judge(readings: Sequence[Reading], account: dict[str, int]) -> dict[str, object]:
    """The figures of the first and the last quarter after the warm-up, and whether they are the same."""
    warm = [reading for reading in readings if reading.at >= readings[-1].at * WARM_UP]
    quarter = max(1, len(warm) // 4)
    first, last = warm[:quarter], warm[-quarter:]

    def middle(part: Sequence[Reading], what: str) -> float:
        return statistics.median(getattr(reading, what) for reading in part)

    growth = middle(last, "resident") / middle(first, "resident")
    steady = all(middle(last, what) <= middle(first, what) for what in ("threads", "descriptors", "children"))
    whole = not (account["open"] or account["failed"] or account["lost"] or account["damaged"])
    return {
        "figure": "soak",
        "ok": growth <= FLAT and steady and whole,
        "minutes": round(readings[-1].at / 60, 1),
        "runs_per_second": round(account["instants"] / readings[-1].at, 1),
        "memory_growth": round(growth, 4),
        "first": asdict(first[len(first) // 2]),
        "last": asdict(last[len(last) // 2]),
        "ledger": account,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


if __name__ == "__main__":
    raise SystemExit(main())

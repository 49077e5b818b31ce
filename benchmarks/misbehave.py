"""What misbehaving Python handlers do to the tasks beside them: how late a `noop` every 200 ms starts meanwhile.

Each case has a daemon of its own. `make misbehave`; the lines are the figures of docs/adr/0004.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

JARVIS = [sys.executable, "-m", "jarvis"]
HANDLERS = """
import os, sys
from jarvis import handler

@handler("loops")
def loops(context):
    while True:
        pass

@handler("aborts")
def aborts(context):
    os.abort()

@handler("exits")
def exits(context):
    os._exit(3)

@handler("hoards")
def hoards(context):
    kept = []
    while True:
        kept.append(bytearray(1_000_000))

@handler("floods")
def floods(context):
    line = "x" * 1023 + "\\n"
    for _ in range(1024 * 1024):
        sys.stdout.write(line)
"""
CASES: dict[str, Sequence[str]] = {
    "nothing": (),
    "an endless loop": ("--every", "1s", "--timeout", "3s", "--handler", "loops"),
    "os.abort()": ("--every", "1s", "--handler", "aborts"),
    "os._exit(3)": ("--every", "1s", "--handler", "exits"),
    "a hog, held at 200 MB": ("--every", "1s", "--memory-limit", "200MB", "--handler", "hoards"),
    "1 GiB printed": ("--every", "2s", "--handler", "floods"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="for each case")
    args = parser.parse_args()
    print(f"{'beside it':24} {'samples':>7} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'daemon MiB':>11} {'ended':>6}")
    for name, bad in CASES.items():
        with tempfile.TemporaryDirectory(prefix="jarvis-misbehave-") as home:
            found = measure(Path(home), bad, args.seconds)
        print(
            f"{name:24} {found['samples']:7} {found['p50_ms']:8} {found['p99_ms']:8} {found['max_ms']:8}"
            f" {found['daemon_mib']:11} {found['ended']:6}"
        )
        machine = {"machine": f"{platform.system()}, {os.cpu_count()} cores", "date": time.strftime("%Y-%m-%d")}
        print(json.dumps({"figure": "misbehave", "case": name, **found, **machine}), file=sys.stderr)
    return 0


def measure(home: Path, bad: Sequence[str], seconds: float) -> dict[str, float]:
    """One daemon, one `noop` every 200 ms, and what misbehaves."""
    environment = os.environ | {"JARVIS_HOME": str(home), "DAEMON_LOG_LEVEL": "ERROR"}
    folder = home / "handlers"
    folder.mkdir(mode=0o700)
    (folder / "bad.py").write_text(HANDLERS)
    add(environment, "beside", "--every", "200ms", "--handler", "noop")
    if bad:
        add(environment, "bad", "--pause-after", "0", *bad)
    daemon = subprocess.Popen([*JARVIS, "daemon"], env=environment, stderr=subprocess.DEVNULL)
    process, until, most = psutil.Process(daemon.pid), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        most = max(most, process.memory_info().rss)
        time.sleep(0.1)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(60)
    return figures(home / "data" / "memory.db", most)


def add(environment: dict[str, str], name: str, *how: str) -> None:
    subprocess.run([*JARVIS, "task", "add", name, *how], env=environment, check=True, capture_output=True)


def figures(store: Path, most: int) -> dict[str, float]:
    """How late each `noop` started, in milliseconds; the first two seconds, in which the daemon starts, left out."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as ledger:
        late = sorted(
            (started - due) / 1000
            for started, due in ledger.execute(
                "SELECT r.started_at, r.due_at FROM runs r JOIN tasks t ON t.id = r.task_id"
                " WHERE t.name = 'beside' AND r.started_at IS NOT NULL"
                " AND r.due_at > (SELECT MIN(started_at) FROM runs) + 2000000"
            )
        )
        (ended,) = ledger.execute(
            "SELECT COUNT(*) FROM runs r JOIN tasks t ON t.id = r.task_id WHERE t.name = 'bad' AND r.state IN"
            " ('failed', 'timed_out', 'succeeded')"
        ).fetchone()
    return {
        "samples": len(late),
        "p50_ms": round(late[len(late) // 2], 1),
        "p99_ms": round(late[int(len(late) * 0.99)], 1),
        "max_ms": round(late[-1], 1),
        "daemon_mib": round(most / 2**20, 1),
        "ended": ended,
    }


if __name__ == "__main__":
    raise SystemExit(main())

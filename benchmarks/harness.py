"""What all benchmarks share: contenders in turn, medians, ratios, one table and one JSON line for each figure.

A figure has contenders, Jarvis and its peers. Each is measured in a process of its own, in turn, several rounds; so
what else the machine does, and how fast it is today, meets all of them alike. What is judged is the ratio of the
medians, or where a target is absolute the median itself.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OURS = "jarvis"

Values = Mapping[str, float]
Measure = Callable[[bool], Values]  # whether it is to be quick -> what was measured


class NotHere(Exception):
    """A contender cannot be measured on this machine: str(error) says why."""


@dataclass(frozen=True)
class Target:
    """What our value must be: against a peer's (`peer`, a ratio, or with `more_at_most` a sum), or by itself.

    Without a bound it is only shown.
    """

    title: str
    key: str
    unit: str
    peer: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    more_at_most: float | None = None  # than the peer's, in the unit itself
    ours: str = OURS  # which contender is judged

    @property
    def bounded(self) -> bool:
        """Whether there is anything to meet."""
        return any(bound is not None for bound in (self.at_least, self.at_most, self.more_at_most))


@dataclass(frozen=True)
class Figure:
    """One thing that is measured, and what it is to reach."""

    name: str
    contenders: Mapping[str, Measure]
    targets: Sequence[Target]
    rounds: int = 3


@dataclass
class Measured:
    """All that was measured of one figure: for each contender and key the values of the rounds."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def median(self, contender: str, key: str) -> float | None:
        """The median over the rounds; None if it was not measured."""
        found = self.values.get(contender, {}).get(key)
        return statistics.median(found) if found else None


def run(figure: Figure, *, quick: bool) -> Measured:
    """Every contender in turn, round after round."""
    measured = Measured()
    for turn in range(1 if quick else figure.rounds):
        for name, measure in figure.contenders.items():
            if name in measured.absent:
                continue
            progress(f"{figure.name}: {name}, round {turn + 1}")
            try:
                values = measure(quick)
            except NotHere as error:
                measured.absent[name] = str(error)
                continue
            kept = measured.values.setdefault(name, {})
            for key, value in values.items():
                kept.setdefault(key, []).append(value)
    return measured


def lines(figure: Figure, measured: Measured, *, quick: bool) -> Iterator[dict[str, Any]]:
    """One line for each target."""
    for target in figure.targets:
        ours = measured.median(target.ours, target.key)
        theirs = None if target.peer is None else measured.median(target.peer, target.key)
        ratio = ours / theirs if ours is not None and theirs else None
        judged = ratio if target.peer is not None else ours
        yield {
            "figure": figure.name,
            "target": target.title,
            "unit": target.unit,
            "ours": target.ours,
            "value": ours,
            "peer": target.peer,
            "peers": {name: measured.median(name, target.key) for name in figure.contenders if name != target.ours},
            "absent": measured.absent,
            "ratio": ratio,
            "wanted": wanted(target),
            "met": None if judged is None or not target.bounded else _met(target, judged, (ours or 0) - (theirs or 0)),
            "rounds": 1 if quick else figure.rounds,
            "quick": quick,
            **machine(),
        }


def wanted(target: Target) -> str:
    """The target in words."""
    if not target.bounded:
        return "-"
    if target.more_at_most is not None:
        return f"<= {target.peer} + {target.more_at_most:g} {target.unit}"
    bound, word = (target.at_least, ">=") if target.at_least is not None else (target.at_most, "<=")
    return f"{word} {bound:g}" + (f" x {target.peer}" if target.peer else f" {target.unit}")


def _met(target: Target, value: float, more: float) -> bool:
    if target.more_at_most is not None:
        return more <= target.more_at_most
    if target.at_least is not None:
        return value >= target.at_least
    return target.at_most is not None and value <= target.at_most


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The lines for people."""
    shown = [("figure", "jarvis", "wanted", "ratio", "met", "others")]
    for row in rows:
        others = ", ".join(f"{name} {number(value)}" for name, value in row["peers"].items() if value is not None)
        verdict = {True: "yes", False: "NO", None: "-" if row["wanted"] == "-" else "not measured"}[row["met"]]
        title, unit = f"{row['figure']}: {row['target']}", row["unit"]
        shown.append(
            (f"{title} ({unit})", number(row["value"]), str(row["wanted"]), number(row["ratio"]), verdict, others)
        )
    widths = [max(len(row[column]) for row in shown) for column in range(5)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:5], widths, strict=True)), row[5]]).rstrip()
        for row in shown
    )


def number(value: object) -> str:
    """A figure with three digits that count."""
    if not isinstance(value, int | float):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, object]:
    """Where and when, and with what."""
    names = ("apsw", "APScheduler", "huey", "celery", "dbos", "procrastinate", "cronsim")
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%d"),
        "versions": {"python": platform.python_version()}
        | {name: found for name in names if (found := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def measured_in_process(
    module: str,
    *args: object,
    env: Mapping[str, str] | None = None,
    within: float = 900,
    python: str | Path = sys.executable,
) -> Values:
    """Run `python -m module args`, which prints one JSON object of figures as its last line.

    NotHere where it exits with 3: its last line on stderr says what is missing. `python` is another environment's
    for a peer that cannot be installed beside the others.
    """
    done = subprocess.run(
        [python, "-m", module, *map(str, args)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    if done.returncode == MISSING:
        raise NotHere(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(map(str, args))} failed with {done.returncode}:\n{done.stderr[-3000:]}")
    found: Values = json.loads(done.stdout.strip().splitlines()[-1])
    return found


MISSING = 3


def progress(text: str) -> None:
    """What is measured now, for who waits."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)

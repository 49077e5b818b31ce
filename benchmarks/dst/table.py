"""Writes the tables of docs/dst.md: Jarvis's part from the code, the peers' from measured.json.

    python -m benchmarks.dst.table [--write]

Without --write it only says whether the document is up to date. The words between the tables are written by
hand, in docs/dst.md itself; what stands between two `<!-- generated -->` marks is replaced.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, TypedDict

from benchmarks.dst.cases import CASES, MINUTE, Case, asked_for
from jarvis.scheduler.cron import CronExpression

MEASURED = Path(__file__).with_name("measured.json")
DOCUMENT = Path(__file__).parents[2] / "docs" / "dst.md"
BLOCK = re.compile(r"(?<=<!-- generated: )(\w+) -->\n.*?(?=<!-- end -->)", re.DOTALL)
MICROSECOND = timedelta(microseconds=1)
AT_A_GLANCE = ("fixed time", "hourly", "every 15 minutes")

#: Key in measured.json -> (how it is called here, how it was led through the day).
PEERS = {
    "debian cron": (
        "Debian cron",
        "the daemon itself, under a preloaded C clock on which `sleep()` takes no time; each command it started"
        " wrote down the minute",
    ),
    "apscheduler 3": (
        "APScheduler 3",
        "the rule from `from_crontab(expr, timezone=zone)`, asked for the next instant as its scheduler asks: with the"
        " previous one, a millisecond after that was due",
    ),
    "apscheduler 4": (
        "APScheduler 4",
        "the rule from `from_crontab(expr, start_time=, timezone=zone)`, `next()` again and again",
    ),
    "celery": (
        "Celery beat",
        "`celery.beat.Scheduler` with `timezone=zone`, `enable_utc=True`: `tick()`, then our clock goes on as far as"
        " the tick said to wait (300 s at most, as `celery beat` does)",
    ),
    "systemd": (
        "systemd timer",
        "`systemd-analyze calendar --iterations=200` with `--base-time` and the zone in the expression"
        " (`*-*-* 02:30:00 America/New_York`)",
    ),
    "huey": (
        "Huey",
        "`read_periodic()` of a `MemoryHuey(utc=False)` once in every real minute, with the naive local time that its"
        " consumer would pass",
    ),
    "croniter": ("croniter", "`get_next(datetime)` again and again from an aware start"),
    "cronsim": ("cronsim", "`next()` again and again from an aware start"),
}

Answer = list[datetime] | str
"""The instants at which a schedule started on the day, or why it could not tell."""


class Peer(TypedDict):
    """What measure.py writes of one peer; `minutes` is day -> expression -> minutes since the day began."""

    version: str
    date: str
    python: str
    system: str
    minutes: dict[str, dict[str, list[float] | str]]


# ---------------------------------------------------------------- the facts
def jarvis(
    expr: str,
    case: Case,
    dst_gap: Literal["run_after", "skip"] = "run_after",
    dst_repeat: Literal["first", "second", "both"] = "first",
) -> list[datetime]:
    """The instants of the local day that CronExpression yields, midnight included, in UTC.

    In UTC because Python holds a wall clock of a repeated hour to be equal to no instant of another zone.
    """
    schedule = CronExpression(expr, case.zone, dst_gap=dst_gap, dst_repeat=dst_repeat)
    found = schedule.between(case.start - MICROSECOND, case.end - MICROSECOND)
    return [at.astimezone(UTC) for at in found]


def measured() -> dict[str, Peer]:
    record: dict[str, Peer] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return record


@cache
def wanted_of(expr: str, case: Case) -> list[datetime]:
    return asked_for(expr, case)


def instants(minutes: list[float] | str, case: Case) -> Answer:
    return minutes if isinstance(minutes, str) else [case.start + minute * MINUTE for minute in minutes]


def answers(expr: str, case: Case, record: dict[str, Peer]) -> Iterator[tuple[str, Answer]]:
    """(who, what it does) for Jarvis and every peer."""
    yield "Jarvis", jarvis(expr, case)
    for key, (name, _) in PEERS.items():
        yield name, instants(record[key]["minutes"][case.name][expr], case)


# ---------------------------------------------------------------- the judgement
def verdict(expr: str, case: Case, got: Answer) -> str:
    """One word, defined in docs/dst.md, for what was done against what the rule asks for."""
    if isinstance(got, str):
        return "gives up"
    wanted = wanted_of(expr, case)
    if got == wanted:
        return "exact"
    if fixed(expr):
        return ("never", "shifted", "twice")[min(len(got), 2)]
    lost, extra = without(wanted, got), without(got, wanted)
    if lost and extra:
        return "shifted"
    if extra:
        return "extra"
    second_pass = [at for at in wanted if at.astimezone(case.tz).fold]
    return "lost hour" if lost == second_pass else "lost"


def fixed(expr: str) -> bool:
    minute, hour, *_ = expr.split()
    return not (minute.startswith("*") or hour.startswith("*"))


def without(some: Sequence[datetime], others: Sequence[datetime]) -> list[datetime]:
    """Those of `some` that are not among `others`; one that is there twice must be there twice."""
    return sorted((Counter(some) - Counter(others)).elements())


# ---------------------------------------------------------------- how it is shown
def clock(at: datetime, case: Case) -> str:
    """`03:00-04:00`: the wall clock and its offset."""
    return at.astimezone(case.tz).isoformat(timespec="minutes")[11:]


def clocks(moments: Sequence[datetime], case: Case) -> str:
    shown = [clock(at, case) for at in moments]
    return ", ".join(shown) if len(shown) <= 2 else f"{shown[0]} to {shown[-1]}"


def cell(expr: str, case: Case, got: Answer) -> str:
    word = verdict(expr, case, got)
    if isinstance(got, str):
        return f"{word} ({got})"
    wanted = wanted_of(expr, case)
    if fixed(expr):
        return f"{word}: {clocks(got, case)}" if got else word
    lost, extra = without(wanted, got), without(got, wanted)
    detail = [f"{len(got)}"]
    detail += [f"without {clocks(lost, case)}"] if lost else []
    detail += [f"also {clocks(extra, case)}"] if extra else []
    return f"{word}: {', '.join(detail)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# ---------------------------------------------------------------- the blocks
def glance() -> str:
    """Who does what, over the four zones; the last column counts every cell of the tables below."""
    record = measured()
    verdicts: dict[str, dict[str, list[str]]] = {}
    for case in CASES:
        for kind, expr in case.schedules:
            for who, got in answers(expr, case, record):
                column = f"{kind}, {case.season}"
                verdicts.setdefault(who, {}).setdefault(column, []).append(verdict(expr, case, got))
    columns = [f"{kind}, {season}" for kind in AT_A_GLANCE for season in ("spring", "autumn")]
    total = sum(len(case.schedules) for case in CASES)
    rows = [
        [who, *(summary(found[column]) for column in columns), str(sum(v.count("exact") for v in found.values()))]
        for who, found in verdicts.items()
    ]
    return table(["", *columns, f"exact, of {total}"], rows)


def summary(words: list[str]) -> str:
    """`exact` if all zones agree, else `exact 3, extra 1`."""
    counts = Counter(words)
    return words[0] if len(counts) == 1 else ", ".join(f"{word} {n}" for word, n in counts.items())


def days() -> str:
    record = measured()
    return "\n".join(day(case, record) for case in CASES)


def day(case: Case, record: dict[str, Peer]) -> str:
    hours = (case.end - case.start) / timedelta(hours=1)
    head = [f"{case.day:%Y-%m-%d}", *(f"{kind} `{expr}`" for kind, expr in case.schedules)]
    rows = [["asked for", *(wish(expr, case) for _, expr in case.schedules)]]
    columns = [list(answers(expr, case, record)) for _, expr in case.schedules]
    for line in zip(*columns, strict=True):
        cells = [cell(expr, case, got) for (_, expr), (_, got) in zip(case.schedules, line, strict=True)]
        rows.append([line[0][0], *cells])
    title = f"### {case.zone}, {case.season}: {case.change}, a day of {hours:g} h"
    return f"{title}\n\n{table(head, rows)}"


def wish(expr: str, case: Case) -> str:
    wanted = wanted_of(expr, case)
    return clocks(wanted, case) if fixed(expr) else str(len(wanted))


def choices() -> str:
    """The fixed time of every zone under each dst_gap and dst_repeat."""
    head = [
        "zone", "skipped", "`run_after`", "`skip`", "repeated", "`first`", "`second`", "`both`"
    ]  # fmt: skip
    rows = []
    for spring, autumn in zip(CASES[::2], CASES[1::2], strict=True):
        (_, skipped), (_, repeated) = spring.schedules[0], autumn.schedules[0]
        gap = [jarvis(skipped, spring, dst_gap="run_after"), jarvis(skipped, spring, dst_gap="skip")]
        rows.append(
            [
                spring.zone,
                f"`{skipped}`",
                *(clocks(found, spring) or "not that day" for found in gap),
                f"`{repeated}`",
                clocks(jarvis(repeated, autumn, dst_repeat="first"), autumn),
                clocks(jarvis(repeated, autumn, dst_repeat="second"), autumn),
                clocks(jarvis(repeated, autumn, dst_repeat="both"), autumn),
            ]
        )
    return table(head, rows)


def driven() -> str:
    record = measured()
    rows = [[name, record[key]["version"], how, record[key]["date"]] for key, (name, how) in PEERS.items()]
    machine = record["debian cron"]
    where = f"All on {machine['system']} with Python {machine['python']}.\n"
    return f"{table(['', 'version', 'how it was led through the day', 'measured'], rows)}\n{where}"


BLOCKS = {"glance": glance, "days": days, "choices": choices, "driven": driven}


def regenerated(text: str) -> str:
    """The document with every generated block written anew."""
    return BLOCK.sub(lambda found: f"{found[1]} -->\n{BLOCKS[found[1]]()}", text)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--write", action="store_true", help="write docs/dst.md, do not only compare")
    given = arguments.parse_args()
    old = DOCUMENT.read_text(encoding="utf-8")
    new = regenerated(old)
    if given.write:
        DOCUMENT.write_text(new, encoding="utf-8")
    elif new != old:
        sys.stdout.write("docs/dst.md is out of date: python -m benchmarks.dst.table --write\n")
    return int(new != old and not given.write)


if __name__ == "__main__":
    sys.exit(main())

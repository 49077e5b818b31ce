"""Measures the peers: the instants at which each starts the schedules of cases.py.

    python -m benchmarks.dst.measure [--cron PATH --cron-version VERSION] [--into FILE]

Run it from the project's root in an environment that has peers installed; it measures those it finds and merges
them into measured.json, so APScheduler 3 and 4 can be measured one after the other. Debian cron is measured when
the path of its binary is given (Linux, as the superuser, with a C compiler); systemd if systemd-analyze is there.
Nothing here waits: every peer is led through the day on a clock that is ours.
"""

# ruff: noqa: PLC0415 - each peer is imported where it is measured: no environment has them all
from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zoneinfo
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.dst.cases import CASES, LEAD, MINUTE, TRAIL, Case

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
MOST = 400  # instants from one schedule: more means that it does not move on
Measure = Callable[[str, Case], Iterable[datetime]]


class GivesUpError(Exception):
    """The peer itself says that it cannot tell."""


# ---------------------------------------------------------------- libraries that compute the next instant
def croniter(expr: str, case: Case) -> Iterable[datetime]:
    from croniter import croniter as Croniter

    walk = Croniter(expr, (case.start - LEAD).astimezone(case.tz))
    return until_end(lambda _: walk.get_next(datetime), case)


def cronsim(expr: str, case: Case) -> Iterable[datetime]:
    from cronsim import CronSim

    walk = CronSim(expr, (case.start - LEAD).astimezone(case.tz))
    return until_end(lambda _: next(walk), case)


def apscheduler_3(expr: str, case: Case) -> Iterable[datetime]:
    """As its scheduler asks: the instant after the previous one, a millisecond after that one was due."""
    from apscheduler.triggers.cron import CronTrigger

    rule = CronTrigger.from_crontab(expr, timezone=case.tz)

    def following(previous: datetime | None) -> datetime:
        now = (previous or case.start - LEAD).astimezone(UTC) + timedelta(milliseconds=1)
        return rule.get_next_fire_time(previous, now.astimezone(case.tz))

    return until_end(following, case)


def apscheduler_4(expr: str, case: Case) -> Iterable[datetime]:
    from apscheduler.triggers.cron import CronTrigger

    start = (case.start - LEAD).astimezone(case.tz)
    rule = CronTrigger.from_crontab(expr, timezone=case.tz, start_time=start)
    return until_end(lambda _: rule.next(), case)


def until_end(following: Callable[[datetime | None], datetime], case: Case) -> Iterable[datetime]:
    found: datetime | None = None
    for _ in range(MOST):
        found = following(found)
        if found.astimezone(UTC) > case.end + TRAIL:
            return
        yield found
    raise RuntimeError(f"no end after {MOST} instants in {case.name}")


# ---------------------------------------------------------------- schedulers that look at the clock
def huey(expr: str, case: Case) -> Iterable[datetime]:
    """Its periodic check, once in every real minute, with the naive local time that utc=False gives it."""
    from huey import MemoryHuey, crontab

    queue = MemoryHuey(utc=False)
    minute, hour, day, month, weekday = expr.split()

    @queue.periodic_task(crontab(minute, hour, day, month, weekday, strict=True))
    def work() -> None: ...

    moment = case.start - LEAD
    while moment < case.end + TRAIL:
        if queue.read_periodic(moment.astimezone(case.tz).replace(tzinfo=None)):
            yield moment
        moment += MINUTE


def celery(expr: str, case: Case) -> Iterable[datetime]:
    """Its own beat Scheduler, ticking on our clock: each tick says how long to wait, and we go on that far."""
    from celery import Celery
    from celery.beat import Scheduler
    from celery.schedules import crontab

    class App(Celery):
        moment = case.start - LEAD

        def now(self) -> datetime:
            return self.moment.astimezone(self.timezone)

    class Beat(Scheduler):
        producer = None
        max_interval = 300  # what `celery beat` uses

        def apply_entry(self, entry: Any, producer: Any = None) -> None:  # noqa: ARG002 - beat's own call
            if entry.name == "work":
                started.append(app.moment)

    started: list[datetime] = []
    app = App("dst", broker="memory://", set_as_current=False)
    app.conf.update(enable_utc=True, timezone=case.zone)
    minute, hour, day, month, weekday = expr.split()
    rule = crontab(minute, hour, weekday, day, month, app=app)
    app.conf.beat_schedule = {"work": {"task": "work", "schedule": rule}}
    beat = Beat(app)
    while app.moment < case.end + TRAIL:
        app.moment += timedelta(seconds=max(beat.tick(), 0.001))
    return started


# ---------------------------------------------------------------- programs
def systemd(expr: str, case: Case) -> Iterable[datetime]:
    minute, hour, *_ = (field.replace("*/", "00/") for field in expr.split())
    command = [
        "systemd-analyze", "calendar", "--iterations=200",
        f"--base-time={case.start - LEAD:%Y-%m-%d %H:%M:%S} UTC",
        f"*-*-* {hour}:{minute}:00 {case.zone}",
    ]  # fmt: skip
    done = subprocess.run(command, env=os.environ | {"TZ": "UTC"}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GivesUpError(done.stderr.strip().rpartition(": ")[2])
    found = re.findall(r": \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", done.stdout)
    return [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in found]


class DebianCron:
    """The daemon itself, under cron_clock.c, in a mount namespace that holds one crontab and lets everyone in."""

    MOUNTS = """
        mount -t tmpfs none /run && mount -t tmpfs none /var/spool && mkdir -p /var/spool/cron/crontabs
        mount --bind {folder}/cron.d /etc/cron.d && mount --bind {folder}/pam.d /etc/pam.d
        TZ={zone} LD_PRELOAD={folder}/clock.so exec {binary} -f
    """

    def __init__(self, binary: Path) -> None:
        self.binary = binary.resolve()
        self._days: dict[str, dict[str, list[datetime]]] = {}

    def __call__(self, expr: str, case: Case) -> Iterable[datetime]:
        if case.name not in self._days:
            with tempfile.TemporaryDirectory() as folder:
                self._days[case.name] = self._run(case, Path(folder))
        return self._days[case.name].get(expr, [])

    def _run(self, case: Case, folder: Path) -> dict[str, list[datetime]]:
        self._prepare(case, folder)
        script = "set -e\n" + self.MOUNTS.format(folder=folder, zone=case.zone, binary=self.binary)
        span = {
            "CRON_CLOCK_START": str(int((case.start - LEAD).timestamp()) + 1),
            "CRON_CLOCK_END": str(int((case.end + TRAIL).timestamp())),
        }
        subprocess.run(["unshare", "--mount", "sh", "-c", script], env=os.environ | span, check=True, timeout=120)
        starts: dict[str, list[datetime]] = {}
        for line in (folder / "log").read_text().splitlines():
            number, stamp = line.split()
            moment = datetime.fromtimestamp(int(stamp) // 60 * 60, UTC)
            starts.setdefault(case.schedules[int(number)][1], []).append(moment)
        return {expr: sorted(moments) for expr, moments in starts.items()}

    def _prepare(self, case: Case, folder: Path) -> None:
        (folder / "cron.d").mkdir()
        (folder / "pam.d").mkdir()
        permit = "".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "session"))
        (folder / "pam.d" / "cron").write_text(permit)
        lines = [
            f'{expr} root echo {number} "$CRON_CLOCK" >> {folder}/log\n'
            for number, (_, expr) in enumerate(case.schedules)
        ]
        (folder / "cron.d" / "dst").write_text("".join(lines))
        (folder / "log").touch()
        library = [str(folder / "clock.so"), str(HERE / "cron_clock.c")]
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", *library], check=True)


# ---------------------------------------------------------------- all of them
def peers(cron: Path | None, cron_version: str) -> dict[str, tuple[str, Measure]]:
    """Name -> (version, how to measure it), for what is here."""
    here: dict[str, tuple[str, Measure]] = {}
    for name, measure in (("croniter", croniter), ("cronsim", cronsim), ("huey", huey), ("celery", celery)):
        if found := installed(name):
            here[name] = (found, measure)
    if found := installed("apscheduler"):
        major = found.split(".")[0]
        here[f"apscheduler {major}"] = (found, apscheduler_3 if major == "3" else apscheduler_4)
    if shutil.which("systemd-analyze"):
        banner = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True)
        here["systemd"] = (banner.stdout.split()[1], systemd)
    if cron:
        here["debian cron"] = (cron_version, DebianCron(cron))
    return here


def installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def minutes_of_day(moments: Iterable[datetime], case: Case) -> list[float]:
    """Real minutes since the local day began; a start within two seconds of a minute counts as on it."""
    offsets = ((moment.astimezone(UTC) - case.start) / MINUTE for moment in moments)
    near = [round(x) if abs(x - round(x)) < 2 / 60 else round(x, 3) for x in offsets]
    return [x for x in near if 0 <= x < (case.end - case.start) / MINUTE]


def measured(measure: Measure) -> dict[str, dict[str, list[float] | str]]:
    return {case.name: {expr: attempted(measure, expr, case) for _, expr in case.schedules} for case in CASES}


def attempted(measure: Measure, expr: str, case: Case) -> list[float] | str:
    try:
        return minutes_of_day(measure(expr, case), case)
    except GivesUpError as error:
        return str(error)


def facts() -> dict[str, str]:
    return {
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day of measuring, for people
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "time zone data": zone_data(),
    }


def zone_data() -> str:
    for folder in zoneinfo.TZPATH:
        table = Path(folder) / "tzdata.zi"
        if table.exists():
            return table.read_text().split("\n", 1)[0].removeprefix("# version ")
    return f"tzdata {installed('tzdata')}"


def dumped(record: dict[str, Any]) -> str:
    """JSON with one schedule of one day on a line."""
    text = json.dumps(record, indent=1)
    return re.sub(r"\[[^\]\[{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cron", type=Path, help="the binary of Debian cron")
    arguments.add_argument("--cron-version", default="not known", help="the version of its package")
    arguments.add_argument("--into", type=Path, default=MEASURED)
    given = arguments.parse_args()
    record = json.loads(given.into.read_text()) if given.into.exists() else {}
    for name, (found, measure) in peers(given.cron, given.cron_version).items():
        sys.stdout.write(f"{name} {found}\n")
        record[name] = {"version": found, **facts(), "minutes": measured(measure)}
    given.into.write_text(dumped(dict(sorted(record.items()))))


if __name__ == "__main__":
    main()

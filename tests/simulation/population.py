"""Tasks of every kind: each seed has a handful of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

import msgspec

from jarvis.scheduler.attention import Attention, Settings
from jarvis.scheduler.model import Deliver, Policy, TaskSpec
from jarvis.scheduler.quiet import read_window
from jarvis.scheduler.schedule import After, Cron, Interval, Once, OnEvent, Rate, Schedule

ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe", "Europe/Berlin")
CHANNELS = ("log", "me")
EVENTS = (("github", "push"), ("github", "pull"), ("mail", "arrived"))
CRONS = ("*/5 * * * *", "*/20 * * * *", "0 * * * *", "30 2 * * *", "15 1 * * *", "5,35 0-4 * * *", "0 9 * * 1-5")


def minutes(chance: Random, *choices: float) -> timedelta:
    return timedelta(minutes=chance.choice(choices))


def schedule(chance: Random, now: datetime, names: Sequence[str]) -> Schedule:
    """Any kind, with any bound the oracle knows; `names` are tasks to come after."""
    kinds = ["cron", "interval", "once", "after_completion", "event", "chain"]
    kind = chance.choices(kinds, [4, 4, 1, 2, 5, 3 if names else 0])[0]
    if kind == "event":
        return on_event(chance, now)
    if kind == "chain":
        return After(
            chance.choice(names),
            end=chance.choice(["succeeded", "succeeded", "failed", "always"]),
            max_runs=chance.choice([None, None, None, 2]),
        )
    if kind == "once":
        return Once(now + minutes(chance, -3, 0, 1, 7, 61, 600))
    ends_at = now + minutes(chance, 30, 400) if chance.random() < 0.1 else None
    max_runs = chance.choice([1, 3, 10]) if chance.random() < 0.15 else None
    jitter = minutes(chance, 0.5, 0.9) if chance.random() < 0.2 else timedelta(0)
    if kind == "cron":
        return Cron(chance.choice(CRONS), chance.choice(ZONES), ends_at=ends_at, max_runs=max_runs, jitter=jitter)
    every = minutes(chance, 1, 2.5, 10, 47, 240)
    return Interval(
        every, after_completion=kind == "after_completion", ends_at=ends_at, max_runs=max_runs, jitter=jitter
    )


def on_event(chance: Random, now: datetime) -> OnEvent:
    """Any patterns, and any of what limits them."""
    return OnEvent(
        chance.choice(["github", "*"]),
        chance.choice(["push", "pu*", "*"]),
        debounce=minutes(chance, 0, 0, 0.1, 1),
        rate=chance.choice([None, Rate(1, timedelta(minutes=1)), Rate(2, timedelta(minutes=10))]),
        filter=chance.choice(["", "", "payload > 3", "payload > 5"]),
        max_runs=chance.choice([None, None, None, 3]),
        ends_at=now + minutes(chance, 30, 400) if chance.random() < 0.1 else None,
        jitter=minutes(chance, 0.5) if chance.random() < 0.1 else timedelta(0),
    )


def policy(chance: Random) -> Policy:
    """Any policy."""
    return Policy(
        grace=minutes(chance, 0, 1, 1, 30),
        catch_up=chance.choice(["skip", "last", "all"]),
        catch_up_max=chance.choice([1, 3, 6]),
        late_ok=chance.choice([None, None, timedelta(minutes=2), timedelta(hours=2)]),
        overlap=chance.choice(["skip", "queue", "allow", "cancel_running"]),
        timeout=chance.choice([None, timedelta(seconds=30), timedelta(minutes=10)]),
        on_interrupt=chance.choice(["rerun", "rerun", "fail"]),
        priority=chance.choice([-1, 0, 0, 5]),
        retries=chance.choice([0, 0, 0, 2]),
        pause_after=chance.choice([1, 2, 10]),
    )


def deliver(chance: Random) -> tuple[Deliver, ...]:
    """To nobody, to one or both of the channels, to one of them for several reasons, in any way."""
    many = chance.choice([0, 1, 1, 2, 3])
    return tuple(_deliver_entry(chance) for _ in range(many))


def _deliver_entry(chance: Random) -> Deliver:
    on = chance.choice(["always", "always", "failure", "failure", "failure", "success", "change", "recovery"])
    how = chance.choice(["", "", "urgent", "digest"])
    same = chance.choice([None, None, "told", "grouped", "grouped", "silent"])
    return Deliver(chance.choice(CHANNELS), on, urgent=how == "urgent", digest=how == "digest", same=same)  # type: ignore[arg-type]


def attention(chance: Random) -> Settings:
    """Mostly that all may be told at any time; else quiet hours, digests and caps, of all channels or of one."""
    if chance.random() < 0.4:
        return Settings()
    own = {chance.choice(CHANNELS): _attention(chance)} if chance.random() < 0.3 else {}
    return Settings(_attention(chance), own)


def _attention(chance: Random) -> Attention:
    windows = chance.sample(
        ["22:00-07:00", "sat,sun 00:00-10:00", "09:00-09:20", "12:00-18:00"], chance.choice([0, 1, 2])
    )
    return Attention(
        tz="UTC",
        quiet=tuple(map(read_window, windows)),
        digest=tuple(3600 * hour for hour in chance.choice([(8,), (8, 18), tuple(range(24))])),
        cap=chance.choice([None, None, 1, 3]),
        remind=chance.choice([None, timedelta(hours=1), timedelta(days=1)]),
    )


def spec(chance: Random, number: int, now: datetime, names: Sequence[str] = ()) -> TaskSpec:
    """A task of that number, which may come after one of those."""
    rule = schedule(chance, now, names)
    return TaskSpec(
        name=f"t{number}",
        schedule=rule,
        handler=chance.choice(["thread", "process"]),
        policy=policy(chance),
        follows_zone=isinstance(rule, Cron) and chance.random() < 0.3,
        deliver=deliver(chance),
    )


def failing(spec: TaskSpec) -> TaskSpec:
    """The task of somebody who is told of failures, which come often where it is in use."""
    policy = msgspec.structs.replace(spec.policy, pause_after=10, late_ok=None)
    return msgspec.structs.replace(spec, policy=policy, deliver=(Deliver("me", "failure"),))


def moved(spec: TaskSpec, zone: str) -> TaskSpec:
    """The task of an author who named no zone: it is in the machine's."""
    return msgspec.structs.replace(spec, schedule=msgspec.structs.replace(spec.schedule, tz=zone))

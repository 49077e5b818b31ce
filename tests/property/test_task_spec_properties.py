"""A task, told as its table and read again, is the same task: as a table, and as a file of TOML."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from hypothesis import assume, given
from hypothesis import strategies as st

from jarvis.scheduler.after import End
from jarvis.scheduler.delivery import ONS
from jarvis.scheduler.duration import LONGEST
from jarvis.scheduler.instant import ScheduleError
from jarvis.scheduler.model import Deliver, Policy, TaskSpec
from jarvis.scheduler.onevent import LONGEST_DEBOUNCE, MOST_STARTS
from jarvis.scheduler.schedule import After, Cron, Interval, Once, OnEvent, Rate, Rrule, Schedule
from jarvis.tasks.spec import Reading, SpecError, read_spec, to_table, to_toml
from jarvis.tasks.toml import toml_table

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ZONES = ["UTC", "America/Denver", "Asia/Kathmandu", "Europe/Amsterdam", "Australia/Lord_Howe"]
# Amsterdam had an offset of 19 minutes and 32 seconds until 1937: an offset with seconds has to survive.
INSTANTS = st.datetimes(datetime(1900, 1, 2), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
DURATIONS = st.timedeltas(timedelta(0), LONGEST)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TEMPLATES = st.just("") | TEXT.filter(str.strip)


@st.composite
def bounds(draw: st.DrawFn, jitter_below: timedelta = timedelta(days=1)) -> dict[str, Any]:
    weekdays = draw(st.lists(st.sampled_from(["mon", "sat", "sun"]), max_size=2, unique=True))
    days = draw(st.lists(st.dates(date(2027, 1, 1), date(2027, 12, 31)).map(str), max_size=2))
    length = draw(st.timedeltas(timedelta(days=30), timedelta(days=9_000)))
    starts_at = draw(st.none() | INSTANTS.filter(lambda at: at.year < 8_900))
    ends_at = draw(st.sampled_from([None, (starts_at or NOW) + length]))
    return {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "max_runs": draw(st.none() | st.integers(1, 10**9)),
        "jitter": draw(st.timedeltas(timedelta(0), jitter_below - timedelta(microseconds=1))),
        "exclude": (*weekdays, *days),
    }


@st.composite
def event_schedules(draw: st.DrawFn, tz: str) -> OnEvent:
    per = DURATIONS.filter(bool)
    return OnEvent(
        draw(st.sampled_from(["github", "*", "a b", "[ab]?"])),
        draw(st.sampled_from(["push*", "*", "a/b", '"q"'])),
        debounce=draw(st.timedeltas(timedelta(0), LONGEST_DEBOUNCE)),
        rate=draw(st.none() | st.builds(Rate, st.integers(1, MOST_STARTS), per)),
        filter=draw(st.sampled_from(["", "payload", 'payload.ref == "main"', "type in ['a']"])),
        tz=tz,
        **draw(bounds()),
    )


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    tz = draw(st.sampled_from(ZONES))
    kind = draw(st.sampled_from([Cron, Interval, Once, Rrule, OnEvent, After]))
    try:
        if kind is After:
            end: End = draw(st.sampled_from(["succeeded", "failed", "always"]))
            return After(draw(st.sampled_from(["build", "a b", 'q"uote'])), end, tz, **draw(bounds()))
        if kind is OnEvent:
            return draw(event_schedules(tz))
        if kind is Cron:
            gap: Literal["run_after", "skip"] = draw(st.sampled_from(["run_after", "skip"]))
            repeat: Literal["first", "second", "both"] = draw(st.sampled_from(["first", "second", "both"]))
            expr = draw(st.sampled_from(["* * * * *", "0 9 * * 1-5", "@daily", "*/5 0 9 1-7 * *"]))
            return Cron(expr, tz, gap, repeat, **draw(bounds()))
        if kind is Once:
            return Once(draw(INSTANTS), tz, **draw(bounds()))
        start = draw(INSTANTS)
        if kind is Rrule:
            rule = draw(st.sampled_from(["FREQ=DAILY", "FREQ=HOURLY;INTERVAL=5", "FREQ=WEEKLY;BYDAY=MO,TU"]))
            return Rrule(rule, start.replace(microsecond=0), tz, **draw(bounds()))
        every = draw(st.timedeltas(timedelta(milliseconds=100), timedelta(days=2_000)))
        within = min(every, timedelta(days=1))
        return Interval(every, start, tz, draw(st.booleans()), **draw(bounds(within)))
    except ScheduleError:  # an instant outside its own bounds
        assume(False)
        raise


POLICIES = st.builds(
    Policy,
    grace=DURATIONS,
    catch_up=st.sampled_from(["skip", "last", "all"]),
    catch_up_max=st.integers(1, 10_000),
    late_ok=st.none() | DURATIONS,
    overlap=st.sampled_from(["skip", "queue", "allow", "cancel_running"]),
    timeout=st.none() | DURATIONS.filter(bool),
    on_interrupt=st.sampled_from(["rerun", "fail"]),
    priority=st.integers(-1_000_000, 1_000_000),
    memory_limit=st.none() | st.integers(64 << 20, 1 << 50),
    retries=st.integers(0, 1_000_000),
    retry_on=st.lists(st.integers(-255, 255) | st.just("timed_out"), max_size=3).map(tuple),
    retry_delay=DURATIONS,
    retry_max_delay=DURATIONS,
    pause_after=st.integers(0, 1_000_000),
)
COMMANDS = st.fixed_dictionaries(
    {"command": st.lists(TEXT, min_size=1, max_size=3)},
    optional={"cwd": st.sampled_from(["/", "~", "~/a b"]), "env": st.dictionaries(TEXT, TEXT), "stdin": TEXT},
)
WORK = st.tuples(st.just("noop"), st.dictionaries(TEXT, PLAIN, max_size=3)) | st.tuples(st.just("command"), COMMANDS)


@st.composite
def specs(draw: st.DrawFn) -> TaskSpec:
    handler, params = draw(WORK)
    return TaskSpec(
        name=draw(st.sampled_from(["t", "a b", 'q"uote', "dotted.name", "ä"])),
        schedule=draw(schedules()),
        handler=handler,
        params=params,
        policy=draw(POLICIES),
        origin=draw(st.sampled_from(["user", "seed", "file"])),
        follows_zone=draw(st.booleans()),
        deliver=tuple(
            draw(
                st.lists(
                    st.builds(Deliver, st.sampled_from(["me", "log"]), st.sampled_from(ONS), TEMPLATES), max_size=3
                )
            )
        ),
    )


def read(spec: TaskSpec, table: dict[str, Any]) -> TaskSpec:
    reading = Reading(
        now=NOW,
        tz=spec.schedule.tz if spec.follows_zone else "Pacific/Apia",
        check_handler=lambda _name, _params: None,
        check_channel=lambda _name: None,
        origin=spec.origin,
        exact=True,
    )
    try:
        return read_spec(spec.name, table, reading)[0]
    except SpecError as error:
        assume(all("nothing of this schedule" not in text for _, text in error.problems))
        raise


@given(specs())
def test_a_task_told_as_its_table_is_read_as_the_same_task(spec: TaskSpec) -> None:
    assert read(spec, to_table(spec)) == spec


@given(specs())
def test_a_task_written_as_toml_is_read_as_the_same_task(spec: TaskSpec) -> None:
    tasks = tomllib.loads(to_toml(spec))["tasks"]
    assert list(tasks) == [spec.name]
    assert read(spec, tasks[spec.name]) == spec


@given(st.dictionaries(TEXT, PLAIN | st.dates(date(1000, 1, 1)), max_size=4))
def test_toml_is_read_back_exactly_as_it_was_written(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml_table(("a", "b c"), table)) == {"a": {"b c": table}}


JUNK = st.none() | PLAIN | st.dates() | st.floats() | st.datetimes() | st.times()


@given(
    st.dictionaries(
        st.sampled_from(["cron", "every", "at", "when", "rrule", "tz", "starts_at", "ends_at", "exclude", "jitter",
                         "max_runs", "anchor", "dtstart", "grace", "overlap", "timeout", "params", "command", "env",
                         "cwd", "priority", "deliver"]) | TEXT,
        JUNK,
        max_size=5,
    ),
    st.booleans(),
)  # fmt: skip
def test_whatever_a_table_holds_is_a_task_or_a_list_of_problems(table: dict[str, Any], exact: bool) -> None:
    reading = Reading(
        now=NOW,
        tz="UTC",
        check_handler=lambda _name, _params: None,
        check_channel=lambda _name: None,
        exact=exact,
    )
    assert all(message for _, message in problems(table, reading))


def problems(table: dict[str, Any], reading: Reading) -> tuple[tuple[str, str], ...]:
    try:
        read_spec("t", table, reading)
    except SpecError as error:
        return error.problems
    return ()

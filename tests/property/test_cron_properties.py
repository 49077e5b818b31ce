"""CronExpression against two oracles, over every zone of the IANA database and the years 1900 to 2100.

The first oracle is `walk`: cron.c's main loop, minute by minute of real time, on values that the strategies below
made together with the text (so the parser is tested too). The second is cronsim. All differences from cronsim seen
in 100,000 comparisons are of these kinds, each of which is its error by Debian's rule:

- It treats changes of three hours and more (a skipped day) like daylight saving; cron.c takes them for corrections.
- Started in the second pass of a repeated hour, a fixed-time schedule runs again, or at an instant in the past.
- A wildcard schedule steps whole hours through changes of other lengths and misses matches (Lord Howe `0 */3`),
  enters skipped midnights as times that do not exist, and goes back in time from a day repeated in part.
- Started between a change within a minute (local mean times of the past) and the next whole minute, it forgets
  the run it would itself give at that minute when started earlier.
- `a-a/n` is read as `a/n`; entry.c reads a range of one value.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, available_timezones

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jarvis.scheduler.cron import CronError, CronExpression
from jarvis.scheduler.localtime import LocalTime

HOUR, DAY = 3600, 86_400
FIRST = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
MIDNIGHT = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall time, in no zone
ZONES = sorted(name for name in available_timezones() if name != "localtime")

Change = tuple[int, int, int]
"""(instant, offset before, offset after)"""


def zone_file(name: str) -> bytes:
    for folder in map(Path, TZPATH):
        if (folder / name).is_file():
            return (folder / name).read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


@cache
def changes(name: str) -> tuple[Change, ...]:
    """Every change of offset listed in a zone's file (RFC 9636, version 2 and later)."""
    data = zone_file(name)
    isut, isstd, leap, times, types, letters = struct.unpack(">6l", data[20:44])
    second = 44 + times * 5 + types * 6 + letters + leap * 8 + isstd + isut
    _, _, _, times, types, _ = struct.unpack(">6l", data[second + 20 : second + 44])
    body = second + 44
    instants = struct.unpack(f">{times}q", data[body : body + 8 * times])
    kinds = data[body + 8 * times : body + 9 * times]
    start = body + 9 * times
    offsets = [struct.unpack(">l", data[start + 6 * i : start + 6 * i + 4])[0] for i in range(types)]
    found: list[Change] = []
    before = offsets[0]
    for instant, kind in zip(instants, kinds, strict=True):
        if offsets[kind] != before:
            found.append((instant, before, offsets[kind]))
            before = offsets[kind]
    return tuple(found)


def offset_at(instant: int, zone: ZoneInfo) -> int:
    return int(moment(instant, zone).utcoffset().total_seconds())  # type: ignore[union-attr]


def moment(instant: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(instant, zone)


def stamp(t: datetime) -> int:
    return int(t.timestamp())


# ------------------------------------------------------------------ expressions with their meaning
class Meaning:
    """What a generated expression says, independent of the parser."""

    def __init__(
        self,
        text: str,
        minutes: set[int],
        hours: set[int],
        months: set[int],
        day: Callable[[date], bool],
    ) -> None:
        self.text = text
        self.minutes = minutes
        self.hours = hours
        self.months = months
        self.day = day
        minute, hour = text.split()[:2]
        self.fixed = minute[0] not in "*?" and hour[0] not in "*?"

    def __repr__(self) -> str:
        return repr(self.text)

    def matches(self, wall: int) -> bool:
        shown = MIDNIGHT + timedelta(seconds=wall)
        in_time = shown.minute in self.minutes and shown.hour in self.hours
        return in_time and shown.month in self.months and self.day(shown.date())


@st.composite
def elements(draw: st.DrawFn, low: int, high: int) -> tuple[str, set[int]]:
    """One element of a list: a, a-b, a-b/n or a/n."""
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    step = draw(st.integers(1, high + 2))
    return draw(
        st.sampled_from(
            [
                (f"{first}", {first}),
                (f"{first:02}", {first}),
                (f"{first}-{last}", set(range(first, last + 1))),
                (f"{first}-{last}/{step}", set(range(first, last + 1, step))),
                (f"{first}/{step}", set(range(first, high + 1, step))),
            ]
        )
    )


@st.composite
def plain_fields(draw: st.DrawFn, low: int, high: int) -> tuple[str, set[int]]:
    """A field of numbers: `*`, `*/n`, `?` or a list (which may begin with a star, too)."""
    step = draw(st.integers(1, high + 2))
    stars = [("*", set(range(low, high + 1))), (f"*/{step}", set(range(low, high + 1, step)))]
    parts: list[tuple[str, set[int]]] = draw(st.lists(elements(low, high), max_size=3))
    kind = draw(st.integers(0, 3))
    if kind == 0 or not parts:
        parts = [draw(st.sampled_from([*stars, ("?", stars[0][1])]))]
    elif kind == 1:
        parts = [draw(st.sampled_from(stars)), *parts]
    return ",".join(text for text, _ in parts), set().union(*(values for _, values in parts))


def month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def nearest_workday(number: int, day: date) -> date | None:
    """The weekday nearest to a day of the month of `day`, found by looking at all days of that month."""
    days = [day.replace(day=n) for n in range(1, month_end(day).day + 1)]
    if number > len(days):
        return None
    return min((d for d in days if d.weekday() < 5), key=lambda d: (abs(d.day - number), d.day))


DayRule = tuple[str, Callable[[date], bool]]
EVERY_DAY: DayRule = ("*", lambda _: True)


@st.composite
def day_fields(draw: st.DrawFn) -> DayRule:
    number = draw(st.integers(1, 31))
    text, values = draw(plain_fields(1, 31))
    special: list[DayRule] = [
        ("L", lambda d: d == month_end(d)),
        ("LW", lambda d: d == nearest_workday(month_end(d).day, d)),
        (f"{number}W", lambda d: d == nearest_workday(number, d)),
        (f"{number}-L", lambda d: d.day >= number),
        (f"{number},L", lambda d: d.day == number or d == month_end(d)),
    ]
    ordinary: DayRule = (text, lambda d: d.day in values)
    return draw(st.sampled_from([EVERY_DAY, ordinary, draw(st.sampled_from(special))]))


WEEKDAYS = ("Sun", "MON", "tue", "Wed", "THU", "fri", "SAT")


@st.composite
def weekday_fields(draw: st.DrawFn) -> DayRule:
    number, nth = draw(st.integers(0, 7)), draw(st.integers(1, 5))
    text, values = draw(plain_fields(0, 7))
    weekdays = {value % 7 for value in values}
    name = WEEKDAYS[number % 7]

    def is_last(d: date) -> bool:
        return d.isoweekday() % 7 == number % 7 and (d + timedelta(days=7)).month != d.month

    def is_nth(d: date) -> bool:
        return d.isoweekday() % 7 == number % 7 and (d.day - 1) // 7 + 1 == nth

    special: list[DayRule] = [
        (f"{number}L", is_last),
        (f"{name}#L", is_last),
        (f"{number}#{nth}", is_nth),
        (name, lambda d: d.isoweekday() % 7 == number % 7),
    ]
    ordinary: DayRule = (text, lambda d: d.isoweekday() % 7 in weekdays)
    return draw(st.sampled_from([EVERY_DAY, ordinary, draw(st.sampled_from(special))]))


# Changes happen at night and on few days: schedules that are busy then, with and without a star, meet them.
BUSY_MINUTES = [("0-59", set(range(60))), ("0,30", {0, 30}), ("15/20", {15, 35, 55}), ("*/7", set(range(0, 60, 7)))]
BUSY_HOURS = [
    ("0-23", set(range(24))),
    ("0-4", set(range(5))),
    ("23,0/2", {23, *range(0, 24, 2)}),
    ("*", set(range(24))),
]


@st.composite
def expressions(draw: st.DrawFn) -> Meaning:
    busy, daily = draw(st.integers(0, 3)) > 0, draw(st.integers(0, 3)) > 0
    minute, minutes = draw(st.sampled_from(BUSY_MINUTES) if busy else plain_fields(0, 59))
    hour, hours = draw(st.sampled_from(BUSY_HOURS) if busy else plain_fields(0, 23))
    day, is_day = EVERY_DAY if daily else draw(day_fields())
    month, months = ("*", set(range(1, 13))) if daily else draw(plain_fields(1, 12))
    weekday, is_weekday = EVERY_DAY if daily else draw(weekday_fields())
    both = day[0] in "*?" or weekday[0] in "*?"

    def on_day(d: date) -> bool:
        return (is_day(d) and is_weekday(d)) if both else (is_day(d) or is_weekday(d))

    return Meaning(f"{minute} {hour} {day} {month} {weekday}", minutes, hours, months, on_day)


@st.composite
def moments(draw: st.DrawFn) -> tuple[ZoneInfo, int]:
    """A zone and an instant from 1900 to 2100, most often within hours of a change of its offset."""
    name = draw(st.sampled_from(ZONES))
    near = [change[0] for change in changes(name) if FIRST <= change[0] < LAST]
    if near and draw(st.integers(0, 4)) > 0:
        before = draw(st.sampled_from([2 * HOUR, 26 * HOUR]))
        return ZoneInfo(name), draw(st.sampled_from(near)) + draw(st.integers(-before, 2 * HOUR))
    return ZoneInfo(name), draw(st.integers(FIRST, LAST))


def compiled(meaning: Meaning, zone: ZoneInfo, **rules: str) -> CronExpression:
    try:
        return CronExpression(meaning.text, zone, **rules)  # type: ignore[arg-type]
    except CronError as error:
        assert "never fires" in str(error)  # noqa: PT017 - the only refusal a generated expression may meet
        days = (date(2000, 1, 1) + timedelta(days=n) for n in range(28 * 366))
        assert not any(d.month in meaning.months and meaning.day(d) for d in days)
        assume(False)
        raise


# ------------------------------------------------------------------ the oracle
def walk(meaning: Meaning, zone: ZoneInfo, after: int, until: int) -> list[int]:
    """The instants in (after, until], by cron.c's main loop: virtual time follows the wall clock's minutes."""
    found: list[int] = []
    instant = after - 5 * HOUR  # long enough for virtual time to settle whatever was repeated before `after`
    virtual = None
    while instant <= until:
        wall = instant + offset_at(instant, zone)
        if wall % 60:
            instant += 60 - wall % 60 if offset_at(instant + 60 - wall % 60, zone) == wall - instant else 1
            continue
        ahead = 1 if virtual is None else (wall - virtual) // 60  # cron.c: timeDiff = timeRunning - virtualTime
        run = meaning.matches(wall)
        if ahead > 1 and ahead <= 180 and meaning.fixed:
            assert virtual is not None
            run = any(meaning.matches(skipped) for skipped in range(virtual + 60, wall + 60, 60))
        elif -180 < ahead <= 0:
            run = run and not meaning.fixed
            wall = virtual if virtual is not None else wall
        virtual = wall
        if run and instant > after:
            found.append(instant)
        instant += 60
    return found


@settings(max_examples=250)
@given(expressions(), moments())
def test_it_fires_exactly_when_crons_main_loop_would(meaning: Meaning, start: tuple[ZoneInfo, int]) -> None:
    zone, after = start
    until = after + 26 * HOUR
    cron = compiled(meaning, zone)
    got = [stamp(t) for t in cron.between(moment(after, zone), moment(until, zone))]
    assert got == walk(meaning, zone, after, until)


@settings(max_examples=60)
@given(expressions(), moments())
def test_the_other_rules_differ_from_debians_only_in_gaps_and_repeats(
    meaning: Meaning, start: tuple[ZoneInfo, int]
) -> None:
    zone, middle = start
    first, last = middle - 30 * HOUR, middle + 30 * HOUR

    def fires(**rules: str) -> list[int]:
        found = compiled(meaning, zone, **rules).between(moment(first, zone), moment(last, zone))
        return [stamp(t) for t in found]

    every = fires(dst_repeat="both", dst_gap="skip")
    assert every == [i for i in range_of_minutes(first, last, zone) if meaning.matches(i + offset_at(i, zone))]
    late = {change[0] for change in changes(zone.key)}
    debian, skipping, second = fires(), fires(dst_gap="skip"), fires(dst_repeat="second", dst_gap="skip")
    assert set(skipping) <= set(debian)
    assert all(any(0 <= i - change < 60 for change in late) for i in set(debian) - set(every))
    if not meaning.fixed:
        assert debian == skipping == second == every
    repeats = [(c[0], c[1] - c[2]) for c in changes(zone.key) if 0 < c[1] - c[2] <= 3 * HOUR and meaning.fixed]
    assert skipping == [i for i in every if not any(at <= i < at + length for at, length in repeats)]
    assert second == [i for i in every if not any(at - length <= i < at for at, length in repeats)]


def range_of_minutes(after: int, until: int, zone: ZoneInfo) -> Iterator[int]:
    """Every instant in (after, until] at which the wall clock shows a whole minute."""
    instant = after + 1
    while instant <= until:
        past = (instant + offset_at(instant, zone)) % 60
        if not past:
            yield instant
        step = 60 - past
        instant += step if offset_at(instant, zone) == offset_at(instant + step, zone) else 1


@settings(max_examples=150)
@given(expressions(), moments(), st.data())
def test_any_point_between_two_instants_leads_to_the_same_two(
    meaning: Meaning, start: tuple[ZoneInfo, int], data: st.DataObject
) -> None:
    zone, after = start
    cron = compiled(meaning, zone)
    instants = [cron.next_after(moment(after, zone))]
    for _ in range(4):
        instants.append(cron.next_after(instants[-1]))
    for earlier, later in pairwise(map(stamp, instants)):
        assert earlier < later
        between = data.draw(st.integers(earlier, later - 1))
        fraction = timedelta(microseconds=data.draw(st.integers(0, 999_999)))
        somewhere = datetime.fromtimestamp(between, UTC) + fraction
        assert stamp(cron.next_after(somewhere)) == later
        if somewhere > datetime.fromtimestamp(earlier, UTC):
            assert stamp(cron.previous_before(somewhere)) == earlier
        assert cron.previous_timestamp(later) == earlier == cron.previous_timestamp(earlier + 0.5)
        assert cron.next_timestamp(earlier) == later == cron.next_timestamp(later - 0.5)


@settings(max_examples=120)
@given(expressions(), moments(), st.sampled_from(["first", "second", "both"]), st.sampled_from(["run_after", "skip"]))
def test_backward_is_forward_in_a_mirror(meaning: Meaning, start: tuple[ZoneInfo, int], repeat: str, gap: str) -> None:
    zone, middle = start
    cron = compiled(meaning, zone, dst_repeat=repeat, dst_gap=gap)
    first, last = middle - 9 * HOUR, middle + 9 * HOUR
    forward = [stamp(t) for t in cron.between(moment(first, zone), moment(last, zone))]
    backward: list[int] = []
    instant = cron.previous_timestamp(last + 1)
    while instant > first:
        backward.append(instant)
        instant = cron.previous_timestamp(instant)
    assert backward[::-1] == forward


# ------------------------------------------------------------------ cronsim
def for_cronsim(text: str) -> bool:
    """Whether cronsim knows the expression's language and reads it as entry.c does."""
    if "?" in text or "W" in text.replace("LW", "") or "#L" in text or "-L" in text:
        return False
    parts = [part for field in text.split() for part in field.split(",")]
    return not any("-" in p and "/" in p and len(set(p.split("/")[0].split("-"))) == 1 for p in parts)


@settings(max_examples=250)
@given(expressions(), moments())
def test_cronsim_agrees_but_for_its_known_errors_at_changes(meaning: Meaning, start: tuple[ZoneInfo, int]) -> None:
    zone, after = start
    assume(for_cronsim(meaning.text))
    cron = compiled(meaning, zone)
    simulated = CronSim(meaning.text, moment(after, zone))
    t = moment(after, zone)
    for _ in range(3):
        t = cron.next_after(t)
        # The wildcard search of cronsim may cross a change anywhere in between, not just at its ends.
        near = [c for c in changes(zone.key) if after - 26 * HOUR <= c[0] <= stamp(t) + 26 * HOUR]
        if any(not known_to_cronsim(cron, change, after) for change in near):
            return
        assert stamp(next(simulated)) == stamp(t)


def known_to_cronsim(cron: CronExpression, change: Change, after: int) -> bool:
    """Whether cronsim follows Debian's rule at this change: see the module's docstring."""
    instant, before, offset = change
    in_second_pass = instant <= after < instant + before - offset
    before_the_next_minute = instant <= after < instant + 60
    usual = cron.fixed_time and abs(offset - before) < 3 * HOUR
    return usual and not in_second_pass and not before_the_next_minute


# ------------------------------------------------------------------ zones
def test_every_change_in_every_zone_file_is_found_to_the_second() -> None:
    seen: set[bytes] = set()
    for name in ZONES:
        if zone_file(name) in seen:
            continue
        seen.add(zone_file(name))
        local = LocalTime(ZoneInfo(name))
        for instant, before, offset in changes(name):
            assert local.span_at(instant - 1)[3:] == (before, offset), (name, instant)
            assert local.span_at(instant - 1)[1] == instant, (name, instant)
            assert local.span_at(instant)[0] == instant, (name, instant)
            assert local.span_at(instant)[2:4] == (before, offset), (name, instant)
    assert len(seen) > 300


@settings(max_examples=500)
@given(st.sampled_from(ZONES), st.integers(-62_135_000_000, 253_402_000_000))
def test_spans_tell_the_zones_own_offset_at_any_instant_of_the_calendar(name: str, instant: int) -> None:
    zone = ZoneInfo(name)
    start, end, _, offset, _ = LocalTime(zone).span_at(instant)
    assert start <= instant < end
    assert offset_at(instant, zone) == offset


@settings(max_examples=100)
@given(st.sampled_from(ZONES), st.integers(2038, 9998), st.sampled_from(["30 2 * * *", "*/30 * * * *"]))
def test_far_years_are_read_by_the_zones_last_rule(name: str, year: int, text: str) -> None:
    zone = ZoneInfo(name)
    cron = CronExpression(text, zone)
    t = datetime(year, 6, 1, tzinfo=zone)
    for _ in range(5):
        found = cron.next_after(t)
        assert stamp(found) > stamp(t)
        assert found == datetime.fromtimestamp(stamp(found), zone)
        assert found.astimezone(UTC).astimezone(zone) == found
        t = found


# ------------------------------------------------------------------ anything at all
CRONLIKE = st.text(alphabet="0123456789*/-,?#LW @\tamonyfrisunjdecJ_+.é٣\n\x00", max_size=40)


@settings(max_examples=1_000)
@given(st.one_of(st.text(max_size=60), CRONLIKE, CRONLIKE.map(lambda text: f"{text} * * * *")))
def test_garbage_is_refused_with_one_kind_of_error(text: str) -> None:
    try:
        cron = CronExpression(text)
    except CronError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, nothing else is
    else:
        assert cron.next_timestamp(0) > 0
        assert cron.explain().endswith(", in UTC")


@settings(max_examples=200)
@given(expressions(), st.sampled_from(ZONES))
def test_every_accepted_expression_can_be_explained_and_survives_pickling(meaning: Meaning, name: str) -> None:
    cron = compiled(meaning, ZoneInfo(name))
    assert cron.explain().endswith(f", in {name}")
    again = pickle.loads(pickle.dumps(cron))  # noqa: S301 - our own bytes
    assert again == cron
    assert hash(again) == hash(cron)
    assert again.next_timestamp(0) == cron.next_timestamp(0)


@pytest.mark.parametrize("seconds", ["*", "*/7", "5,50", "30-40/5", "59"])
@settings(max_examples=40)
@given(moment_in_zone=moments())
def test_six_fields_count_seconds_of_real_time(seconds: str, moment_in_zone: tuple[ZoneInfo, int]) -> None:
    zone, after = moment_in_zone
    cron = CronExpression(f"{seconds} */2 * * * *", zone)
    wanted = {"*": set(range(60)), "*/7": set(range(0, 60, 7)), "5,50": {5, 50}, "59": {59}}
    allowed = wanted.get(seconds, {30, 35, 40})
    until = after + 300

    def fires(instant: int) -> bool:
        shown = MIDNIGHT + timedelta(seconds=instant + offset_at(instant, zone))
        return shown.second in allowed and shown.minute % 2 == 0

    expected = [instant for instant in range(after + 1, until + 1) if fires(instant)]
    assert [stamp(t) for t in cron.between(moment(after, zone), moment(until, zone))] == expected

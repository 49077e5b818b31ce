"""Phrases that name one instant: "in 20 minutes", "tomorrow 5pm", "24 december at 18:00", or ISO 8601.

A day and a time become an instant only if the zone's clock shows that time exactly once on that day.
Everything is compared in UTC: two datetimes of one zone compare by what the clock shows, which is wrong in
the repeated hour.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple

from jarvis.scheduler.phrase_clock import Clock, take_apart
from jarvis.scheduler.phrase_words import (
    DOW,
    MONTH,
    MONTH_DAYS,
    MONTHS,
    ORDINAL,
    WEEKDAYS,
    PhraseError,
    length,
    match,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


class Asked(NamedTuple):
    """When and where a phrase is read."""

    now: datetime
    """In UTC."""
    zone: ZoneInfo
    past: timedelta
    """How long ago an instant given exactly (ISO) may lie."""

    @property
    def today(self) -> date:
        """The date in the zone."""
        return self.now.astimezone(self.zone).date()

    def iso(self, instant: datetime) -> str:
        """The instant exactly, with the zone's offset."""
        return instant.astimezone(self.zone).isoformat()


class Dates(NamedTuple):
    """Dates that words about days can mean: the first that is still ahead counts."""

    dates: tuple[date, ...]
    doubt: str = ""
    """Why more than one date ahead is one too many; "" if the first is meant."""
    always: bool = False
    """The doubt stands even if only one date is ahead."""
    instead: tuple[str, ...] = ()
    """Other phrases to suggest."""


def once(words: str, asked: Asked) -> datetime | None:
    """The instant (UTC) that bare words mean; None if they do not name one instant."""
    for pattern, read in _INSTANT_PHRASES:
        if found := match(pattern, words):
            return read(found, asked)
    spoken = take_apart(words)
    dates = _dates(spoken.days, asked.today)
    if dates is None:
        return None
    clocks = spoken.clocks() or ([Clock(time(9))] if dates.always else [])
    if not clocks:
        raise spoken.lacks_time(f"every {spoken.days} {{at}}")
    if len(clocks) > 1:
        each = [f"at {clock}" for clock in clocks]
        raise PhraseError(f'"{spoken.times}" is more than one instant', swap=(spoken.times, each))
    return choose(_at_midnight(dates, spoken.days) if clocks[0].midnight else dates, clocks[0], asked)


def _at_midnight(dates: Dates, days: str) -> Dates:
    """Midnight alone is the next one; with a day it could be the start or the end of that day."""
    if not days:
        return dates
    both = (dates.dates[0], dates.dates[0] + DAY)
    return Dates(both, "midnight could be at the start or at the end of that day", always=True)


# -------------------------------------------------------------------------- from dates to the instant


def choose(dates: Dates, clock: Clock, asked: Asked) -> datetime:
    """The one instant that is meant; PhraseError if there is none ahead, or more than one reading."""
    found = [_instants(day, clock.time, asked.zone) for day in dates.dates]
    ahead = [(moments, near) for moments, near in found if any(moment > asked.now for moment in moments + near)]
    if dates.doubt and (dates.always or len(ahead) > 1):
        options = [asked.iso(moment) for moments, near in ahead for moment in moments + near]
        raise PhraseError(dates.doubt, [*options, *dates.instead])
    if not ahead:
        raise PhraseError("that is already past", [*dates.instead, f"tomorrow at {clock}"])
    moments, near = ahead[0]
    if len(moments) == 1:
        return moments[0]
    options = [asked.iso(moment) for moment in moments + near]
    raise PhraseError(_changed(clock.time, len(moments), asked), options)


def _changed(clock: time, often: int, asked: Asked) -> str:
    """Why a time of day is not one instant: the clock is changed on that day."""
    shows = "twice" if often else "never"
    return f"the clock in {asked.zone.key} {shows} shows {clock:%H:%M} on that day, when it is changed"


def _instants(day: date, clock: time, zone: ZoneInfo) -> tuple[list[datetime], list[datetime]]:
    """The instants when the zone's clock shows this; if none, the two that a skipped time could mean."""
    wall = datetime.combine(day, clock)
    readings = sorted({wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)})
    true = [moment for moment in readings if moment.astimezone(zone).replace(tzinfo=None) == wall]
    return true, [] if true else readings


# -------------------------------------------------------------------------- instants by themselves


def _now(_: re.Match[str], asked: Asked) -> datetime:
    return asked.now


def _from_now(found: re.Match[str], asked: Asked) -> datetime:
    """Real time; refused where a change of the clock makes days of that differ from the calendar's."""
    ahead = length(found["length"])
    if ahead is None:
        problem = f'"{found["length"]}" is not a length of time (months and years differ in length)'
        count = found["length"].split()[0]
        raise PhraseError(problem, [f"in {count} {unit}" for unit in ("minutes", "hours", "days", "weeks")])
    if not ahead:
        raise PhraseError("that is now", ["now"])
    real = asked.now + ahead
    if match(r".*(?:\d ?d|\d ?w|day|week).*", found["length"]):
        _same_on_the_calendar(real, ahead, asked)
    return real


def _same_on_the_calendar(real: datetime, ahead: timedelta, asked: Asked) -> None:
    wall = (asked.now.astimezone(asked.zone).replace(tzinfo=None)) + ahead
    moments, near = _instants(wall.date(), wall.time(), asked.zone)
    if moments + near != [real]:
        problem = "the clock is changed before then: a day of 24 hours and a day on the calendar end apart"
        raise PhraseError(problem, [asked.iso(moment) for moment in dict.fromkeys([real, *moments, *near])])


def _iso(found: re.Match[str], asked: Asked) -> datetime:
    day = _date(int(found["year"]), int(found["month"]), int(found["day"]))
    if found["h"] is None:
        raise PhraseError("a date alone does not say at what time", _exactly(day, time(9), asked))
    micro = int((found["f"] or "").ljust(6, "0"))
    try:
        clock = time(int(found["h"]), int(found["m"]), int(found["s"] or 0), micro)
    except ValueError:
        raise PhraseError("that is not a time of day") from None
    if not found["zone"]:
        options = _exactly(day, clock, asked)
        problem = "a date and time without an offset from UTC names no instant; add the offset"
        often = len(_instants(day, clock, asked.zone)[0])
        raise PhraseError(problem if often == 1 else _changed(clock, often, asked), options)
    moment = datetime.combine(day, clock, _offset(found)).astimezone(UTC)
    if asked.now - moment > asked.past:
        options = _exactly(asked.today + DAY, moment.astimezone(asked.zone).time(), asked)
        raise PhraseError("that is already past", options)
    return moment


def _exactly(day: date, clock: time, asked: Asked) -> list[str]:
    moments, near = _instants(day, clock, asked.zone)
    return [asked.iso(moment) for moment in moments + near]


def _offset(found: re.Match[str]) -> timezone:
    if found["sign"] is None:
        return UTC
    hours, minutes = int(found["oh"]), int(found["om"] or 0)
    if hours > 23 or minutes > 59:
        raise PhraseError("offsets from UTC go to 23:59")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if found["sign"] == "-" else offset)


_INSTANT_PHRASES: tuple[tuple[str, Callable[[re.Match[str], Asked], datetime]], ...] = (
    ("now", _now),
    ("in (?P<length>(?!morning|afternoon|evening).+)", _from_now),
    ("(?P<length>.+) from now", _from_now),
    (
        r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
        r"(?:(?:t|,? at |,? )(?P<h>\d\d?):(?P<m>\d\d)(?::(?P<s>\d\d)(?:\.(?P<f>\d{1,6}))?)?)?"
        r" ?(?P<zone>z|utc|(?P<sign>[+-])(?P<oh>\d\d)(?::?(?P<om>\d\d))?)?",
        _iso,
    ),
)


# -------------------------------------------------------------------------- words about days


def _dates(words: str, today: date) -> Dates | None:
    for pattern, read in _DATE_PHRASES:
        if found := match(pattern, words):
            return read(found, today)
    return None


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise PhraseError(f"there is no such date: {error}") from None


def _coming(weekday: int, today: date) -> date:
    """The first such weekday after today (0 = Sunday)."""
    return today + DAY * ((weekday - today.isoweekday() - 1) % 7 + 1)


def _weekday(found: re.Match[str], today: date) -> Dates:
    """On the day itself the same day and a week later are both likely."""
    coming = _coming(DOW[found["dow"]], today)
    if coming - today < 7 * DAY:
        return Dates((coming,))
    name = WEEKDAYS[DOW[found["dow"]]].title()
    return Dates((today, coming), f"today is {name}: it could be today or in a week")


def _next_weekday(found: re.Match[str], today: date) -> Dates:
    coming = _coming(DOW[found["dow"]], today)
    name = WEEKDAYS[DOW[found["dow"]]].title()
    doubt = f"next {name} could be the coming one or the one after"
    return Dates((coming, coming + 7 * DAY), doubt, always=True)


def _this_weekday(found: re.Match[str], today: date) -> Dates:
    """Within this week, which runs from Monday to Sunday."""
    monday = today - DAY * (today.isoweekday() - 1)
    return Dates((monday + DAY * ((DOW[found["dow"]] - 1) % 7),), instead=(f"{found['dow']} {{at}}",))


def _day_of_month(found: re.Match[str], today: date) -> Dates:
    """Refuse: "the 15th at 9" could be the next 15th or every 15th."""
    day = ORDINAL[found["day"]]
    months = (divmod(today.year * 12 + today.month - 1 + ahead, 12) for ahead in range(4))
    dates = tuple(date(year, month + 1, day) for year, month in months if _exists(year, month + 1, day))
    coming = [each for each in dates if each >= today][:2]
    monthly = (f"{found['day']} of every month {{at}}",)
    return Dates(tuple(coming), "that could be once or every month", always=True, instead=monthly)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _calendar(found: re.Match[str], today: date) -> Dates:
    """The next 24 december, or that of the year that is named; a weekday said with it has to agree."""
    month, day = MONTH[found["month"]], ORDINAL.get(found["day"]) or int(found["day"])
    years = [int(found["year"])] if found["year"] else range(today.year, today.year + 9)
    each_year = (date(year, month, day) for year in years if _exists(year, month, day))
    dates = tuple(each for each in each_year if found["year"] or each >= today)
    if not dates:
        where = f"{MONTHS[month - 1].title()} {found['year']}" if found["year"] else MONTHS[month - 1].title()
        raise PhraseError(f"there is no day {day} in {where}", [f"{MONTH_DAYS[month - 1]} {MONTHS[month - 1]} {{at}}"])
    said, right = found["dow"], WEEKDAYS[dates[0].isoweekday() % 7]
    if said and WEEKDAYS[DOW[said]] != right:
        raise PhraseError(f"{dates[0]} is a {right.title()}", swap=(said, [right]))
    # Another year's would be another weekday.
    return Dates(dates[:1] if said else dates, instead=(f"{day} {MONTHS[month - 1]} {{at}}",))


def _slashes(found: re.Match[str], today: date) -> Dates:
    """Both orders are in use, so that even a date with one reading is a habit to refuse."""
    a, b = int(found["a"]), int(found["b"])
    year = int(found["year"] or today.year)
    years = (year,) if found["year"] else (year, year + 1)
    dates = tuple(date(y, month, day) for month, day in ((a, b), (b, a)) for y in years if _exists(y, month, day))
    said = tuple(f"{day.day} {MONTHS[day.month - 1]} {day.year if found['year'] else ''} {{at}}" for day in dates)
    return Dates(dates, "with slashes the day and the month could be either way round", True, said)


def _figures(found: re.Match[str], _: date) -> Dates:
    day = _date(int(found["year"]), int(found["month"]), int(found["day"]))
    return Dates((day,), "a date in figures needs an offset from UTC", always=True)


_DMY = r"(?:(?P<dow><dow>),? )?(?P<day><day>) (?P<month><month>)(?:,? (?P<year>\d{4}))?"
_MDY = r"(?:(?P<dow><dow>),? )?(?P<month><month>) (?P<day><day>)(?:,? (?P<year>\d{4}))?"
_DATE_PHRASES: tuple[tuple[str, Callable[[re.Match[str], date], Dates]], ...] = (
    ("", lambda _, today: Dates((today, today + DAY))),
    ("today", lambda _, today: Dates((today,))),
    ("tomorrow", lambda _, today: Dates((today + DAY,))),
    ("day after tomorrow", lambda _, today: Dates((today + 2 * DAY,))),
    ("(?P<dow><dow>)", _weekday),
    ("this (?P<dow><dow>)", _this_weekday),
    ("next (?P<dow><dow>)", _next_weekday),
    (_DMY, _calendar),
    (_MDY, _calendar),
    ("(?P<day><ord>)", _day_of_month),
    (r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", _figures),
    (r"(?P<a>\d{1,2})[/.](?P<b>\d{1,2})(?:[/.](?P<year>\d{4}))?", _slashes),
)

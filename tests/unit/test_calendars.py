"""The dates an .ics file takes out: whole days, repeated or not; anything that is no calendar is refused."""

from __future__ import annotations

import builtins
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jarvis.errors import UsageError
from jarvis.scheduler.exclusion import canonical
from jarvis.tasks import calendars
from jarvis.tasks.calendars import excluded_by

FIRST = date(2026, 3, 1)


def event(*lines: str) -> str:
    return "\r\n".join(("BEGIN:VEVENT", "UID:1", "SUMMARY:Holiday", *lines, "END:VEVENT", ""))


def write(folder: Path, *events: str) -> Path:
    path = folder / "holidays.ics"
    text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//jarvis//tests\r\n" + "".join(events) + "END:VCALENDAR\r\n"
    path.write_bytes(text.encode())
    return path


def test_all_day_events_are_taken_out_and_meetings_are_not(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        event("DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261227", "TRANSP:TRANSPARENT"),
        event("DTSTART;VALUE=DATE:20270101"),
        event("DTSTART;VALUE=DATE:20270506", "DURATION:P2D"),
        event("DTSTART:20270301T100000Z", "DTEND:20270301T110000Z"),
        event("DTSTART;VALUE=DATE:20270404", "STATUS:CANCELLED"),
        event("DTSTART;VALUE=DATE:20250101"),
    )
    taken = excluded_by(path, FIRST)
    assert taken == ("2026-12-25..2026-12-26", "2027-01-01", "2027-05-06..2027-05-07")
    assert canonical(taken) == taken


def test_an_event_from_midnight_to_midnight_lasts_whole_days(tmp_path: Path) -> None:
    berlin = "TZID=Europe/Berlin:"
    path = write(
        tmp_path,
        event(
            f"DTSTART;{berlin}20261224T000000",
            f"DTEND;{berlin}20261225T000000",
            "RRULE:FREQ=DAILY;UNTIL=20261226T230000Z",  # midnight of the 27th there
        ),
    )
    assert excluded_by(path, FIRST) == ("2026-12-24..2026-12-27",)


def test_repeated_holidays_are_expanded_for_ten_years(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        event("DTSTART;VALUE=DATE:20001123", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"),
        event("DTSTART;VALUE=DATE:20200704", "RRULE:FREQ=YEARLY;COUNT=8"),
        event("DTSTART;VALUE=DATE:20200501", "RRULE:FREQ=YEARLY;UNTIL=20270501", "RDATE;VALUE=DATE:20300502"),
    )
    taken = excluded_by(path, FIRST)
    assert [day for day in taken if "-11-" in day][:3] == ["2026-11-26", "2027-11-25", "2028-11-23"]
    assert len([day for day in taken if "-11-" in day]) == 10
    assert [day for day in taken if "-07-" in day] == ["2026-07-04", "2027-07-04"]
    assert [day for day in taken if "-05-" in day] == ["2026-05-01", "2027-05-01", "2030-05-02"]


def test_an_event_that_began_before_the_first_day_counts_from_it(tmp_path: Path) -> None:
    path = write(tmp_path, event("DTSTART;VALUE=DATE:20260220", "DTEND;VALUE=DATE:20260305"))
    assert excluded_by(path, FIRST) == ("2026-03-01..2026-03-04",)


def test_dates_left_out_of_a_repetition_and_moved_ones_are_kept_to(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        event("DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY;COUNT=3", "EXDATE;VALUE=DATE:20271225"),
        event("RECURRENCE-ID;VALUE=DATE:20281225", "DTSTART;VALUE=DATE:20281226"),
    )
    assert excluded_by(path, FIRST) == ("2026-12-25", "2028-12-26")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: expected an .ics calendar"),
        (b" \r\n", "is empty"),
        (b"0 9 * * * backup.sh\n", "is not an .ics calendar: it does not begin with BEGIN:VCALENDAR"),
        (b"\x7fELF\x02\x01\x00\xff", "is not an .ics calendar"),
        (b"BEGIN:VCALENDAR\r\nnonsense\r\nEND:VCALENDAR\r\n", "is not a readable .ics calendar"),
        (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", "holds no events"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "holidays.ics"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        excluded_by(path, FIRST)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["DTSTART;VALUE=DATE:2026122x"], "the event 'Holiday' has no readable DTSTART"),
        ([], "the event 'Holiday' has no DTSTART"),
        (["DTSTART;VALUE=DATE:20261225", "EXDATE:soon"], "no readable EXDATE"),
        (["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=HOURLY"], "cannot repeat more often than daily"),
        (["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"], "never happens"),
        (["DTSTART:20261225T100000Z", "DTEND:20261225T110000Z"], "no event in it takes out a whole day"),
        (["DTSTART;VALUE=DATE:20250101"], "no event in it takes out a whole day from 2026-03-01 on"),
    ],
)
def test_an_event_that_cannot_be_used_is_named(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        excluded_by(write(tmp_path, event(*lines)), FIRST)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the calendar .*No such file"):
        excluded_by(tmp_path / "none.ics", FIRST)
    with pytest.raises(UsageError, match="is not a file"):
        excluded_by(tmp_path, FIRST)
    with pytest.raises(UsageError, match="is not a file"):
        excluded_by(Path("/dev/zero"), FIRST)
    with pytest.raises(UsageError, match="cannot read the calendar"):
        excluded_by(Path("a\0b.ics"), FIRST)


def test_what_is_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "large.ics"
    large.write_bytes(b"BEGIN:VCALENDAR\r\n" + b"X" * calendars.MOST_BYTES)
    with pytest.raises(UsageError, match="is larger than 5 MiB"):
        excluded_by(large, FIRST)
    daily = event("DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=DAILY;INTERVAL=2")
    monkeypatch.setattr(calendars, "MOST_EVENTS", 2)
    with pytest.raises(UsageError, match="more than 2 events"):
        excluded_by(write(tmp_path, daily, daily, daily), FIRST)
    monkeypatch.setattr(calendars, "MOST_DAYS", 1_000)
    with pytest.raises(UsageError, match="more than 1,000 days"):
        excluded_by(write(tmp_path, daily), FIRST)
    monkeypatch.setattr(calendars, "MOST_DAYS", 10_000)
    monkeypatch.setattr(calendars, "MOST_ENTRIES", 1_000)
    with pytest.raises(UsageError, match="excluded dates are too many"):
        excluded_by(write(tmp_path, daily), FIRST)


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("icalendar"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'jarvis-daemon\[dates\]'"):
        excluded_by(write(tmp_path, event("DTSTART;VALUE=DATE:20261225")), FIRST)

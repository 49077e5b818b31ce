"""Time zones by name: which names are one, and what the error for any other advises."""

from __future__ import annotations

import pytest

from jarvis.scheduler.zone import ZoneError, load_zone


@pytest.mark.parametrize("name", ["UTC", "America/Denver", "America/Argentina/ComodRivadavia", "Etc/GMT+7"])
def test_a_zone_is_found_by_its_name(name: str) -> None:
    assert load_zone(name).key == name


@pytest.mark.parametrize(
    "name",
    ["", "nowhere", "../../etc/passwd", "/etc/localtime", "localtime", "posixrules", "right/UTC", "posix/UTC", "UT\0C",
     "America", "Zürich", "A" * 65, None, 7],
)  # fmt: skip
def test_what_is_no_zone_of_the_database_is_refused(name: object) -> None:
    with pytest.raises(ZoneError, match="expected an IANA name such as America/Denver"):
        load_zone(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("denver", "America/Denver"),
        ("New York", "America/New_York"),
        (" new york ", "America/New_York"),
        ("utc", "UTC"),
        ("etc/utc", "Etc/UTC"),
        ("kolkata", "Asia/Kolkata"),
        ("fort wayne", "America/Fort_Wayne"),
        ("indianapolis", "America/Indiana/Indianapolis"),
        ("Asia/Tokio", "Asia/Tokyo"),
    ],
)
def test_a_slip_is_answered_with_the_zone_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(ZoneError, match=rf"unknown time zone {name!r}: .* Did you mean {meant}\?$"):
        load_zone(name)


@pytest.mark.parametrize("name", ["", None, 7, "Qqqqqqqq"])
def test_where_nothing_is_near_nothing_is_advised(name: object) -> None:
    with pytest.raises(ZoneError, match=r"or UTC\.$"):
        load_zone(name)  # type: ignore[arg-type]


def test_no_file_that_is_not_a_zone_is_advised() -> None:
    with pytest.raises(ZoneError) as refused:
        load_zone("posixrule")
    assert "posixrules" not in str(refused.value)


def test_a_very_long_name_is_shown_shortened() -> None:
    shown = repr("A" * 62)
    with pytest.raises(ZoneError, match=rf"time zone {shown}: "):
        load_zone("A" * 62)
    with pytest.raises(ZoneError, match=rf"time zone {shown[:-1]}A\.\.\.: "):
        load_zone("A" * 1_000)

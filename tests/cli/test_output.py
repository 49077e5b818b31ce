"""Tables, colour, escapes: nothing a name holds can reach the terminal or break a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from jarvis.cli import output

HOSTILE = [
    ("\x1b[31mred", "\\x1b[31mred"),
    ("a\nb", "a\\nb"),
    ("a\r\tb", "a\\r\\tb"),
    ("\u202eevil", "\\u202eevil"),
    ("\x9b2J", "\\x9b2J"),
    ("nul\0", "nul\\x00"),
    ("\ud800", "\\ud800"),
    ("\U000e0001tag", "\\U000e0001tag"),
    ("Grüße 日本", "Grüße 日本"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_what_a_terminal_could_obey_is_shown_instead(text: str, shown: str) -> None:
    assert output.escaped(text) == shown


def test_columns_are_aligned_by_what_a_terminal_shows(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("A", "B", "C"), [("x", 1, None), ("日本", "e\u0301", "long\nname"), ("Grüße", True, "")], "none")
    assert capsys.readouterr().out == "A      B     C\nx      1     -\n日本   e\u0301     long\\nname\nGrüße  True\n"


def test_a_table_without_rows_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("A",), [], "no rows")
    assert capsys.readouterr().out == "no rows\n"


@pytest.mark.parametrize(
    ("terminal", "environ", "coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),  # no-color.org: only when not empty
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    terminal: bool,
    environ: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    output.table(("STATE", "TASK"), [("failed", "failed\x1b[0m"), ("日本", "x")], "none")
    output.listing([("state", "failed"), ("data", [])])
    printed = capsys.readouterr().out
    assert ("\x1b[31mfailed\x1b[0m  " in printed) == coloured
    assert ("\x1b" in printed) == coloured
    assert "failed\\x1b[0m" in printed


def test_a_listing_keeps_its_column(capsys: pytest.CaptureFixture[str]) -> None:
    output.listing([("a", "one\ntwo"), ("long", ["x", "y"]), ("none", None), ("nothing", [])])
    assert capsys.readouterr().out == "a        one\\ntwo\nlong     x\n         y\nnone     -\nnothing  -\n"


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 3, 8, 10, tzinfo=UTC), "2026-03-08 04:00:00-06:00"),
        (datetime(2026, 3, 8, 8, 59, 59, 999_999, tzinfo=UTC), "2026-03-08 01:59:59.999-07:00"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00+00:00"),
        (None, "-"),
    ],
)
def test_an_instant_is_shown_in_the_zone_with_its_offset(moment: datetime | None, shown: str) -> None:
    assert output.instant(moment, ZoneInfo("America/Denver")) == shown


def test_json_keeps_instants_exact() -> None:
    moment = datetime(2026, 3, 8, 8, 59, 59, 123_456, tzinfo=timezone(timedelta(hours=9)))
    shown = output.iso(moment, UTC)
    assert shown is not None
    assert datetime.fromisoformat(shown) == moment
    assert output.iso(None, UTC) is None


@pytest.mark.parametrize("text", [text for text, _ in HOSTILE])
def test_json_is_ascii_and_reads_back_equal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    for value in ([{"name": text}], {"name": text}, [], {}):
        assert output.emit(value) == 0
        printed = capsys.readouterr().out
        assert printed.isascii()
        assert "\x1b" not in printed
        assert json.loads(printed) == value

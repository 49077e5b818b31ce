"""Amounts of memory as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.scheduler.size import LARGEST, LEAST_MEMORY, format_size, parse_memory_limit, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1024", 1024),
        ("512MB", 512 << 20),
        ("512 mb", 512 << 20),
        ("512MiB", 512 << 20),
        ("512m", 512 << 20),
        ("1.5G", 3 << 29),
        ("64 KiB", 64 << 10),
        (" 2 TB ", 2 << 40),
        ("100b", 100),
        (7, 7),
        ("0" * 39 + "1", 1),
        (LARGEST, LARGEST),
    ],
)
def test_an_amount_is_exact(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "0", "0MB", "-1", "1.5", "1.", ".5G", "1,5G", "5 apples", "1e9", "٣MB", "1 2MB", "9" * 41, True]
)
def test_what_is_no_amount_is_refused_with_what_is_allowed(text: str | bool) -> None:
    with pytest.raises(
        ValueError, match=rf"^'{re.escape(str(text))}' is no amount of memory\. Allowed: a number of bytes"
    ):
        parse_size(text)


def test_a_long_text_that_is_no_amount_is_not_shown_whole() -> None:
    with pytest.raises(ValueError, match=r"^'x{60}' is no amount"):
        parse_size("x" * 1_000)


@pytest.mark.parametrize(("value", "limit"), [(LEAST_MEMORY, LEAST_MEMORY), ("64 MiB", LEAST_MEMORY), ("2G", 2 << 30)])
def test_a_process_may_use_what_it_starts_in_and_more(value: object, limit: int) -> None:
    assert parse_memory_limit(value) == limit


@pytest.mark.parametrize(("value", "shown"), [(LEAST_MEMORY - 1, "67108863"), (" 63.9MB ", "63.9MB"), ("1", "1")])
def test_less_than_a_process_starts_in_is_refused_as_it_was_said(value: object, shown: str) -> None:
    with pytest.raises(ValueError, match=f"^{shown} is less than .* at least 64 MiB"):
        parse_memory_limit(value)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1150, "1.1 KiB"),
        (1536, "1.5 KiB"),
        (512 << 20, "512 MiB"),
        (3 << 29, "1.5 GiB"),
        (2 << 40, "2 TiB"),
    ],
)
def test_a_size_is_told_in_the_largest_unit(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(1, LARGEST))
def test_what_is_told_can_be_read_and_is_near(size: int) -> None:
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.06)

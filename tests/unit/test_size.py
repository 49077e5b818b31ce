"""Amounts of memory as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.scheduler.size import LARGEST, format_size, parse_size


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
    ],
)
def test_an_amount_is_exact(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "0", "0MB", "-1", "1.5", "1.", ".5G", "1,5G", "5 apples", "1e9", "٣MB", "1 2MB", "9" * 41, True]
)
def test_what_is_no_amount_is_refused_with_what_is_allowed(text: str | bool) -> None:
    with pytest.raises(ValueError, match=r"is no amount of memory\. Allowed: a number of bytes"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(1, "1 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (512 << 20, "512 MiB"), (3 << 29, "1.5 GiB")],
)
def test_a_size_is_told_in_the_largest_unit(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(1, LARGEST))
def test_what_is_told_can_be_read_and_is_near(size: int) -> None:
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.06)

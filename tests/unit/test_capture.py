"""What is kept of an output: all of a short one, the ends of a long one, the count of any."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.scheduler.capture import Capture, pieces


def captured(cap: int, *chunks: bytes) -> Capture:
    capture = Capture(cap)
    for chunk in chunks:
        capture.add(chunk)
    return capture


def test_nothing_printed_is_nothing_kept() -> None:
    assert captured(10).kept() == b""


def test_what_fits_is_kept_as_it_came() -> None:
    capture = captured(10, b"01234", b"", b"56789")
    assert (capture.kept(), capture.total, capture.left_out) == (b"0123456789", 10, 0)


def test_of_more_the_two_ends_are_kept_with_a_line_between() -> None:
    capture = captured(10, b"head-", b"x" * 90, b"-tail")
    assert capture.kept() == b"head-\n[... 90 bytes left out ...]\n-tail"
    assert capture.total == 100


def test_one_byte_too_many_is_said() -> None:
    assert captured(10, b"0123456789a").kept() == b"01234\n[... 1 bytes left out ...]\n6789a"


def test_bytes_that_are_no_text_are_kept() -> None:
    every = bytes(range(256))
    assert captured(512, every, every).kept() == every * 2


def test_a_cap_of_nothing_only_counts() -> None:
    capture = captured(0, b"abc", b"def")
    assert (capture.kept(), capture.total) == (b"\n[... 6 bytes left out ...]\n", 6)


def test_a_negative_cap_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 bytes"):
        Capture(-1)


@given(cap=st.integers(0, 40), chunks=st.lists(st.binary(max_size=30), max_size=12))
def test_how_the_bytes_are_cut_into_chunks_makes_no_difference(cap: int, chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    capture = captured(cap, *chunks)
    assert capture.total == len(whole)
    assert capture.kept() == captured(cap, whole).kept()
    if len(whole) <= cap:
        assert capture.kept() == whole
    else:
        gap = b"\n[... %d bytes left out ...]\n" % (len(whole) - cap)
        assert capture.kept() == whole[: cap // 2] + gap + whole[len(whole) - (cap - cap // 2) :]


@given(cap=st.integers(0, 40), whole=st.binary(max_size=300))
def test_a_kept_output_can_be_taken_apart_again(cap: int, whole: bytes) -> None:
    capture = captured(cap, whole)
    found = pieces(capture.kept(), capture.total)
    assert sum(len(piece) for _, piece in found) == min(cap, len(whole))
    for offset, piece in found:
        assert whole[offset : offset + len(piece)] == piece


@pytest.mark.parametrize("missing", [1, 9, 10, 99, 100, 99_999, 100_000])
def test_where_the_tail_begins_is_known_however_much_is_missing(missing: int) -> None:
    capture = captured(8, b"head" + bytes(missing) + b"tail")
    assert pieces(capture.kept(), capture.total) == [(0, b"head"), (4 + missing, b"tail")]


@pytest.mark.parametrize(
    "written", [b"", b"short", b"\n[... 1 bytes left out ...]\n", b"a\n[... 5 bytes left out ...]\nb"]
)
def test_an_output_that_is_all_there_is_one_piece(written: bytes) -> None:
    assert pieces(written, len(written)) == [(0, written)]


def test_a_single_byte_can_be_skipped() -> None:
    capture = captured(10, b"head")
    capture.skip(1)
    assert (capture.kept(), capture.total) == (b"head\n[... 1 bytes left out ...]\n", 5)


def test_what_is_skipped_is_left_out_between_head_and_tail() -> None:
    capture = captured(10, b"head", b"gone")
    capture.skip(90)
    capture.add(b"-tail")
    assert capture.kept() == b"headg\n[... 93 bytes left out ...]\n-tail"
    capture.skip(0)
    assert (capture.total, capture.left_out) == (103, 93)


def test_memory_does_not_grow_with_the_output() -> None:
    capture, chunk = Capture(100_000), bytes(65_536)
    tracemalloc.start()
    try:
        for _ in range(8_000):  # half a gigabyte
            capture.add(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert capture.total == 8_000 * 65_536
    assert peak < 500_000

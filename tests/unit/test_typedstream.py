"""The text in attributedBody, from archives built as macOS builds them, and from broken ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.imessage.typedstream import TypedstreamError, text_of
from tests.imessage.world import attributed

#: Byte for byte as macOS archives "Noter test" with one attribute, by the published descriptions of the format.
KNOWN = bytes.fromhex(
    "040b73747265616d747970656481e803840140848484124e5341747472696275746564537472696e67008484084e534f626a656374"
    "00859284848408"
    "4e53537472696e67019484012b0a4e6f74657220746573748684026949010a928484840c4e5344696374696f6e617279009484016901"
)


def test_an_archive_as_it_is_known_is_read() -> None:
    assert text_of(KNOWN) == "Noter test"


@pytest.mark.parametrize("mutable", [False, True])
@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 255, 256, 32_767, 32_768, 65_535, 65_536, 100_000])
def test_every_width_of_its_length_is_read(size: int, mutable: bool) -> None:
    assert text_of(attributed("x" * size, mutable=mutable)) == "x" * size


@given(st.text(max_size=300))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert text_of(attributed(text)) == text


def test_a_text_that_looks_like_an_archive_is_a_text() -> None:
    text = attributed("jarvis: run x").decode("latin-1")
    assert text_of(attributed(text)) == text


def test_what_is_cut_off_gives_what_is_there() -> None:
    whole = attributed("abc" * 50_000)
    assert text_of(whole[:1_000]) == ("abc" * 50_000)[: len(text_of(whole[:1_000]))]
    assert len(text_of(whole[:1_000])) > 800


def test_a_length_beyond_the_end_takes_no_more_than_there_is() -> None:
    blob = attributed("hi")
    at = blob.index(b"\x84\x01+") + 3
    assert text_of(blob[:at] + b"\x82\xff\xff\xff\x7f" + b"hi") == "hi"
    with pytest.raises(TypedstreamError, match="claims a length of -1"):
        text_of(blob[:at] + b"\x82\xff\xff\xff\xff" + b"hi")


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x04",
        b"bplist00",
        b"\x04\x0bstreamtyped",
        KNOWN[:40],
        KNOWN.replace(b"NSString", b"NSNumber"),
        KNOWN.replace(b"\x84\x01+", b"\x84\x01i"),
        KNOWN[:18] + b"\x84\x01@" + b"\x84\x84\x84\x01A\x00" * 50,
        KNOWN[:18] + b"\x84\x82\xff\xff\xff\xff",
        KNOWN[:18] + b"\x99",
        KNOWN[:18] + b"\x84\x90",
    ],
)
def test_anything_else_is_refused_and_nothing_worse(blob: bytes) -> None:
    with pytest.raises(TypedstreamError):
        text_of(blob)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(tail: bytes) -> None:
    for cut in (0, 13, 18, 22, 60, 90):
        try:
            text_of(KNOWN[:cut] + tail)
        except TypedstreamError:
            continue

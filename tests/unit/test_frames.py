"""Frames between the daemon and a worker process: whole, torn, huge and garbled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.handlers.frames import (
    LONGEST,
    Answer,
    Begun,
    Done,
    FrameError,
    Load,
    Loading,
    Logged,
    Ready,
    Stale,
    answers,
    frame,
    requests,
)
from jarvis.scheduler.model import RunState

TEXTS = st.text(max_size=20)
ANSWERS: st.SearchStrategy[Answer] = st.one_of(
    st.builds(Loading, TEXTS),
    st.builds(Ready, st.dictionaries(TEXTS, TEXTS, max_size=3), st.dictionaries(TEXTS, TEXTS, max_size=3)),
    st.just(Stale()),
    st.just(Begun()),
    st.builds(Logged, st.integers(0, 50), TEXTS),
    st.builds(Done, state=st.just(RunState.FAILED), reason=TEXTS, output=st.binary(max_size=20)),
)


@given(st.lists(ANSWERS, max_size=5), st.data())
def test_messages_come_as_they_were_sent_wherever_the_bytes_are_torn(sent: list[Answer], data: st.DataObject) -> None:
    stream = b"".join(map(frame, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    received, frames = [], answers()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += frames.feed(stream[start:end])
    assert received == sent


def test_a_frame_that_comes_byte_by_byte_is_whole_with_its_last_byte() -> None:
    stream, frames = frame(Loading("a file")), answers()
    assert [frames.feed(stream[at : at + 1]) for at in range(len(stream) - 1)] == [[]] * (len(stream) - 1)
    assert frames.feed(stream[-1:]) == [Loading("a file")]


def test_the_longest_frame_passes() -> None:
    message = Load("", [], {"x": "y" * (LONGEST - 40)})
    assert requests().feed(frame(message)) == [message]


def test_a_longer_frame_is_not_sent() -> None:
    with pytest.raises(FrameError, match=f"too many for one message: at most {LONGEST}"):
        frame(Done(state=RunState.SUCCEEDED, output=bytes(LONGEST)))


def test_a_longer_frame_is_refused_before_its_body_comes() -> None:
    with pytest.raises(FrameError, match="a message of 4294967295 bytes was announced"):
        answers().feed(b"\xff\xff\xff\xff")


@pytest.mark.parametrize("body", [b"", b"\xc1", b"hello", frame(Load("", [], {}))[4:]])
def test_a_body_that_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError, match="makes no sense"):
        answers().feed(len(body).to_bytes(4, "big") + body)

"""What the daemon and a worker process say to each other: messages, each a length and that many bytes.

Four bytes of length, the highest first, then one message in MessagePack. A frame longer than LONGEST is refused
by both sides before it is sent or taken: nothing a handler returns can fill the daemon's memory.
What belongs to the user (params, event, upstream, data) travels as JSON, as it is stored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from jarvis.scheduler.model import RunState

LONGEST = 16 * 1024 * 1024
_HEAD = 4


class Load(msgspec.Struct, frozen=True, tag="load"):
    """To the worker process, once: load the handler files, less those that did harm."""

    folder: str
    house: list[str]  # names that are taken
    skip: dict[str, str]  # source -> why it is not to be loaded again


class Go(msgspec.Struct, frozen=True, kw_only=True, tag="go"):
    """To the worker process: carry out one run."""

    handler: str
    task: str
    params: bytes
    due_at: datetime
    now: datetime
    run_id: int
    occurrence_id: str
    attempt: int
    remaining: float
    event: bytes
    upstream: bytes
    owner_mark: str
    memory_limit: int


class Loading(msgspec.Struct, frozen=True, tag="loading"):
    """From it: this source comes next, so that it can be named should it end the process."""

    source: str


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From it: loaded, and what came of it."""

    names: dict[str, str]  # handler -> where it stands
    problems: dict[str, str]  # source -> what is wrong with it


class Stale(msgspec.Struct, frozen=True, tag="stale"):
    """From it, in answer to Go: files changed since they were loaded; nothing was begun."""


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """From it: the handler is called now."""


class Logged(msgspec.Struct, frozen=True, tag="logged"):
    """From it: one record of `context.logger`."""

    level: int
    text: str


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """From it: what the handler came to."""

    state: RunState
    reason: str = ""
    data: bytes = b"null"
    output: bytes = b""
    spent: str = ""  # why this process takes no further run; "" if it does
    threads: int = 0  # what the handler left going
    children: bool = False
    quiet: bool = False


Request = Load | Go
Answer = Loading | Ready | Stale | Begun | Logged | Done

M = TypeVar("M")


class FrameError(ValueError):
    """Bytes that are no frame, or a frame that is too long."""


def frame(message: Request | Answer) -> bytes:
    """One message as it is sent. FrameError if it is too long."""
    body = msgspec.msgpack.encode(message)
    if len(body) > LONGEST:
        raise FrameError(f"{len(body)} bytes are too many for one message: at most {LONGEST}")
    return len(body).to_bytes(_HEAD, "big") + body


class Frames(Generic[M]):
    """Takes bytes as they come, gives messages once they are whole."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[M]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[M]:
        """The messages that are whole with these bytes. FrameError as soon as they cannot be one."""
        self._buffer += chunk
        found = []
        while (body := self._body()) is not None:
            try:
                found.append(self._decoder.decode(body))
            except msgspec.MsgspecError as error:
                raise FrameError(f"a message that makes no sense: {error}") from None
        return found

    def _body(self) -> bytes | None:
        """The next whole body, taken out of the buffer."""
        if len(self._buffer) < _HEAD:
            return None
        length = int.from_bytes(self._buffer[:_HEAD], "big")
        if length > LONGEST:
            raise FrameError(f"a message of {length} bytes was announced: at most {LONGEST} are taken")
        if len(self._buffer) < _HEAD + length:
            return None
        body = bytes(self._buffer[_HEAD : _HEAD + length])
        del self._buffer[: _HEAD + length]
        return body


def requests() -> Frames[Request]:
    """The worker process's end."""
    return Frames(msgspec.msgpack.Decoder(Request))


def answers() -> Frames[Answer]:
    """The daemon's end."""
    return Frames(msgspec.msgpack.Decoder(Answer))

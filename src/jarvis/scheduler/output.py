"""What a run writes: kept in bounded memory, and shown as it comes to whoever follows the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from jarvis.scheduler.capture import Capture

OUTPUT_CAP = 1024 * 1024
"""Bytes of one attempt's output that are kept: the first half and the last half of that."""


class Live(Protocol):
    """Where output can be read by others while the run goes on."""

    def write(self, chunk: bytes) -> None:
        """Add to it; OSError when it cannot take it."""

    def discard(self) -> None:
        """Take it away: the attempt is settled, and what is kept of its output is in the ledger."""


class Output:
    """The output of one attempt. `write` never fails: it must not end a run that the disk is full.

    To be written to by one thread at a time.
    """

    def __init__(self, cap: int = OUTPUT_CAP, show: Callable[[], Live | None] = lambda: None) -> None:
        """`cap` is how many bytes are kept; `show` gives what shows them to others meanwhile, once there are some."""
        self.trouble = ""  # why the output could no longer be followed while the run went on
        self._cap = cap
        self._show = show
        self._capture: Capture | None = None  # made for the first bytes: most runs write none
        self._live: Live | None = None

    def write(self, chunk: bytes) -> None:
        """Take the next bytes, as they are."""
        if not chunk:
            return
        if self._capture is None:
            self._capture, self._live = Capture(self._cap), self._show()
        self._capture.add(chunk)
        if self._live is not None and not self.trouble:
            try:
                self._live.write(chunk)
            except OSError as error:
                self.trouble = error.strerror or str(error)

    @property
    def total(self) -> int:
        """How many bytes came."""
        return 0 if self._capture is None else self._capture.total

    def kept(self) -> bytes:
        """All of it, or its head and its tail with a line between them that counts what is left out."""
        return b"" if self._capture is None else self._capture.kept()

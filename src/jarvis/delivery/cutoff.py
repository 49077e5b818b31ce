"""A deadline for a conversation over a socket: at its end, or when Jarvis stops, the socket is shut.

A socket's own timeout counts from each byte anew, so a peer that sends one now and then would hold us for ever.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

_LISTEN = 0.2  # the longest time, in seconds, in which a stop is not noticed


class Cutoff:
    """`with Cutoff(remaining, lambda: connection.sock) as cutoff:` shuts what the function gives once time is up."""

    def __init__(self, remaining: Callable[[], float], current: Callable[[], socket.socket | None]) -> None:
        self.over = False  # time was up: what fails from then on fails for that
        self._remaining = remaining
        self._current = current
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="jarvis-cutoff", daemon=True)

    def __enter__(self) -> Cutoff:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def why(self, error: Exception) -> str:
        """What ended the conversation."""
        if self.over or isinstance(error, TimeoutError):
            return "its time was up"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not to be trusted: {error.verify_message}"
        return getattr(error, "strerror", None) or str(error) or type(error).__name__

    def _watch(self) -> None:
        while (left := self._remaining()) > 0:
            if self._done.wait(min(left, _LISTEN)):
                return
        self.over = True
        while True:  # a connection that is being made has its socket a moment later
            with suppress(OSError):
                if (current := self._current()) is not None:
                    current.shutdown(socket.SHUT_RDWR)
            if self._done.wait(_LISTEN):
                return

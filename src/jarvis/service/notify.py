"""What systemd is told of the daemon: ready, stopping, and that it lives (sd_notify(3), by hand).

One datagram to the socket that systemd names. Whatever goes wrong with it is logged and harms nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

from jarvis.scheduler.keeper import Keeper

_LOG = logging.getLogger("jarvis.service")

SEND_WITHIN = 5.0  # seconds; systemd reads at once unless it hangs itself


def keeper(environ: Mapping[str, str]) -> Keeper:
    """Systemd, if this process was started by it as a service of Type=notify; else one that is told nothing."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return Keeper()
    return Systemd(address, _watchdog(environ))


class Systemd(Keeper):
    """Told over its socket; where it watches, every `alive_every` seconds that the event loop still turns."""

    def __init__(self, address: str, alive_every: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._alive_every = alive_every

    def ready(self) -> None:
        """Say that the start is over."""
        self._send("READY=1")
        if self._alive_every is not None:
            self._alive(asyncio.get_running_loop(), self._alive_every)

    def stopping(self) -> None:
        """Say that the stop has begun."""
        self._send("STOPPING=1")

    def _alive(self, loop: asyncio.AbstractEventLoop, every: float) -> None:
        self._send("WATCHDOG=1")
        loop.call_later(every, self._alive, loop, every)  # until the loop is closed: also while runs end

    def _send(self, state: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.settimeout(SEND_WITHIN)
                out.sendto(state.encode(), self._address)
        except OSError as error:
            _LOG.warning("systemd could not be told %s: %s", state, error)


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Half of the seconds that systemd waits for a sign of life from this process; None if it does not wait."""
    limit = environ.get("WATCHDOG_USEC", "")
    ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(limit) / 2e6 if ours and limit.isdecimal() and int(limit) > 0 else None

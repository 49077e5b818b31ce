"""The channel `desktop`: what the desktop shows in a corner. notify-send on Linux, osascript on macOS."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from html import escape

from jarvis.delivery.environment import modest
from jarvis.delivery.osascript import run_script
from jarvis.delivery.program import Ended, run
from jarvis.errors import SendFailed, SendRefused
from jarvis.scheduler.ports import Message
from jarvis.settings.channels import DesktopSpec

_LONGEST = 1_000  # characters: what a corner of the screen holds
_SHOW = """on run argv
    display notification (item 3 of argv) with title (item 2 of argv)
end run"""


class DesktopChannel:
    """One call of the system's own program for each message."""

    def __init__(
        self, spec: DesktopSpec, environ: Callable[[], Mapping[str, str]], platform: str = sys.platform
    ) -> None:
        self._spec = spec
        self._environ = environ
        self._platform = platform

    @property
    def timeout(self) -> float:
        """Seconds that it may take."""
        return self._spec.timeout

    def send(self, message: Message, /) -> None:
        """Show it."""
        body = message.body.strip()[:_LONGEST]
        if self._platform == "darwin":
            run_script(_SHOW, [message.subject, body], self._environ(), message.remaining)
        else:
            self._notify_send(message, body)

    def _notify_send(self, message: Message, body: str) -> None:
        environ = modest(self._environ())
        if shutil.which("notify-send", path=environ.get("PATH")) is None:
            raise SendRefused("there is no notify-send on PATH: it comes with libnotify (libnotify-bin)")
        # The body may hold marks of a small HTML, so a < of the text has to be told as one.
        texts = [
            each.replace("\0", "").encode(errors="replace").decode()
            for each in (message.subject, escape(body, quote=False))
        ]
        try:
            run(["notify-send", "--app-name=Jarvis", "--", *texts], environ, b"", message.remaining)
        except Ended as ended:
            raise SendFailed(str(ended)) from None

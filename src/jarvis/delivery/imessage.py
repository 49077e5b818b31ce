"""The channel `imessage`: Messages of macOS sends it. What is said is an argument, never a part of the script.

That osascript ends well means that Messages took the message, not that it arrived: macOS tells no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jarvis.delivery.osascript import run_script
from jarvis.scheduler.ports import Message
from jarvis.settings.channels import IMessageSpec

_LONGEST = 20_000  # characters: nobody reads more on a telephone

_TO_SOMEBODY = """on run argv
    tell application "Messages"
        set theAccount to first account whose service type is {service}
        send (item 3 of argv) to participant (item 2 of argv) of theAccount
    end tell
end run"""
_INTO_CHAT = """on run argv
    tell application "Messages" to send (item 3 of argv) to chat id (item 2 of argv)
end run"""


class IMessageChannel:
    """One osascript for each message."""

    def __init__(self, spec: IMessageSpec, environ: Callable[[], Mapping[str, str]]) -> None:
        self._spec = spec
        self._environ = environ

    @property
    def timeout(self) -> float:
        """Seconds that Messages may take."""
        return self._spec.timeout

    def send(self, message: Message, /) -> None:
        """Give it to Messages."""
        script = _INTO_CHAT if self._spec.chat else _TO_SOMEBODY.format(service=self._spec.service)
        text = f"{message.subject}\n\n{message.body}".strip()
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}\n..."
        run_script(script, [self._spec.chat or self._spec.to, text], self._environ(), message.remaining)

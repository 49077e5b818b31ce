"""The program Messages as a channel to one recipient. What is said is an argument, never a part of the script."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jarvis.imessage.ports import Recipient
from jarvis.scheduler.ports import Message

TIMEOUT = 30.0  # seconds that Messages may take
_LONGEST = 20_000  # characters

_TO_SOMEBODY = """on run argv
    tell application "Messages"
        set theAccount to first account whose service type is iMessage
        send (item 3 of argv) to participant (item 2 of argv) of theAccount
    end tell
end run"""
_INTO_CHAT = """on run argv
    tell application "Messages" to send (item 3 of argv) to chat id (item 2 of argv)
end run"""

RunScript = Callable[[str, Sequence[str], Callable[[], float]], None]


class MessagesChannel:
    """One osascript for each message. The shape is that of every channel."""

    def __init__(self, recipient: Recipient, run_script: RunScript) -> None:
        """`run_script` runs a script with arguments within the seconds that remain, and raises as a channel does."""
        self._recipient = recipient
        self._run_script = run_script

    @property
    def timeout(self) -> float:
        """Seconds that Messages may take."""
        return TIMEOUT

    def send(self, message: Message, /) -> None:
        """Give it to Messages. That it took it is not that it arrived: macOS tells no more."""
        script = _INTO_CHAT if self._recipient.chat else _TO_SOMEBODY
        text = message.body if len(message.body) <= _LONGEST else f"{message.body[:_LONGEST]}\n..."
        self._run_script(script, [self._recipient.chat or self._recipient.to, text], message.remaining)

"""A channel whose words are looked through: no secret that it was given leaves it in an error."""

from __future__ import annotations

from jarvis.errors import JarvisError, SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.ports import Channel, Message
from jarvis.settings.secretref import Secrets


class DiscreetChannel:
    """The channel itself, but for what it says when it fails."""

    def __init__(self, channel: Channel, secrets: Secrets) -> None:
        self.begins = getattr(channel, "begins", False)
        self._channel = channel
        self._secrets = secrets

    @property
    def timeout(self) -> float:
        """Seconds that one send may take."""
        return self._channel.timeout

    def send(self, message: Message, /) -> None:
        """Send it. What is raised has no secret in it, nor any other error behind it that might."""
        try:
            self._channel.send(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text is looked through
            told = self._told(error)
        else:
            return
        raise told  # outside of the handler: else the error that was caught would hang on to it

    def _told(self, error: Exception) -> JarvisError:
        text = self._secrets.scrub(str(error) or type(error).__name__)
        if isinstance(error, SendRefused | SendUnknown):
            return type(error)(text)
        return SendFailed(text, getattr(error, "retry_after", None))

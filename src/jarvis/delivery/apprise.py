"""The channel `apprise`: a service that Apprise knows by its URL. It is loaded in a process of its own, each time.

Loading it takes a second and 14 MB, and one of its many services may hang or crash: neither is the daemon's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from jarvis.delivery.child import Silent, ask
from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.ports import Message
from jarvis.settings.channels import AppriseSpec

EXTRA = "pip install 'jarvis-daemon[notify]'"
_TOLD = 300  # characters of the end of what it complained of
MISSING = f"a channel with a url needs the library Apprise: {EXTRA}"


def installed() -> bool:
    """Whether Apprise is there. It is not loaded for that."""
    return find_spec("apprise") is not None


class AppriseChannel:
    """One process for each message."""

    def __init__(
        self, spec: AppriseSpec, environ: Callable[[], Mapping[str, str]], scrub: Callable[[str], str] = str
    ) -> None:
        """`scrub` takes out what may not be shown of what Apprise says."""
        self._scrub = scrub
        self._spec = spec
        self._environ = environ

    @property
    def timeout(self) -> float:
        """Seconds for the whole of it, the loading included."""
        return self._spec.timeout

    def send(self, message: Message, /) -> None:
        """Have it sent, and take what is said of it."""
        if not installed():
            raise SendFailed(MISSING)
        request = {
            "url": self._spec.url,
            "subject": message.subject.encode(errors="replace").decode(),
            "body": message.body.encode(errors="replace").decode(),
        }
        try:
            told = ask("jarvis.delivery.apprise_send", request, self._environ(), message.remaining)
        except Silent as silent:
            if silent.begun:
                raise SendUnknown(f"Apprise had begun to send it: {silent}; it may have arrived") from None
            raise SendFailed(f"Apprise: {silent}") from None
        why = " ".join(self._scrub(told["why"]).split())[-_TOLD:]
        self._judge(told["how"], f"Apprise: {why}", told.get("retry_after"))

    def _judge(self, how: str, why: str, retry_after: float | None) -> None:
        if how == "failed":
            raise SendFailed(why, retry_after)
        if how != "sent":
            raise (SendRefused if how == "refused" else SendUnknown)(why)

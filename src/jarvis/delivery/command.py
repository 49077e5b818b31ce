"""The channel `command`: a list of arguments run once for each message, which it reads and sends.

The body is its standard input; JARVIS_SUBJECT, JARVIS_KEY, JARVIS_CHANNEL, JARVIS_KIND, JARVIS_TASK,
JARVIS_RUN_ID, JARVIS_STATE, JARVIS_DUE_AT and JARVIS_ATTEMPT say the rest. Exit code 0 is sent, any other is
not sent and tried again. At its deadline the command's process group is ended: whether the message had gone
out by then nobody knows. What it leaves behind when it ends by itself goes on: a mail program may have put
the message into the hands of a process of its own. That is why the handler `command` does not serve here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jarvis.delivery.program import Ended, run
from jarvis.errors import SendFailed
from jarvis.scheduler.ports import Message
from jarvis.settings.channels import CommandSpec


class CommandChannel:
    """Runs the command and takes its exit code for the answer."""

    def __init__(
        self, spec: CommandSpec, environ: Callable[[], Mapping[str, str]], scrub: Callable[[str], str] = str
    ) -> None:
        """`environ` gives what the command inherits, `scrub` takes out what may not be shown of what it writes."""
        self._scrub = scrub
        self._environ = environ
        self._spec = spec

    @property
    def timeout(self) -> float:
        """Seconds that the command may take."""
        return self._spec.timeout

    def send(self, message: Message, /) -> None:
        """Run it with the message and wait for its end."""
        env = {**self._environ(), **dict(self._spec.env), **_said(message)}
        try:
            run(self._spec.command, env, message.body.encode(errors="replace"), message.remaining, self._scrub)
        except Ended as ended:
            raise SendFailed(str(ended)) from None


def _said(message: Message) -> dict[str, str]:
    """What the environment says of the message."""
    return {
        "JARVIS_SUBJECT": message.subject.replace("\0", ""),
        "JARVIS_KEY": message.key,
        "JARVIS_CHANNEL": message.channel,
        "JARVIS_KIND": message.kind,
        "JARVIS_TASK": message.task,
        "JARVIS_RUN_ID": "" if message.run_id is None else str(message.run_id),
        "JARVIS_STATE": message.state,
        "JARVIS_DUE_AT": "" if message.due_at is None else message.due_at.isoformat(),
        "JARVIS_ATTEMPT": str(message.attempt),
    }

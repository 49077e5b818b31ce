"""IMessageDaemon: looks at the messages, carries out what they ask, and answers; one pass after another."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from jarvis.addresses import normalised
from jarvis.errors import JarvisError, SendRefused, SendUnknown, StoreBusy, StoreUnusable
from jarvis.imessage.chatdb import BATCH, ChatDatabase, ChatError, Incoming, Look
from jarvis.imessage.commands import Commands
from jarvis.imessage.gate import Judged, Rules, judge, unsettled
from jarvis.imessage.outbound import Ended, Letter
from jarvis.imessage.ports import ChannelTo, Recipient
from jarvis.imessage.state import ATTEMPTS, Answer, Request, StateStore
from jarvis.scheduler.ports import Clock, Message

_LOG = logging.getLogger("jarvis.imessage")
RETENTION = timedelta(days=90)
_PRUNE_EVERY = timedelta(hours=1)
_REPEATED = 200  # characters of a command
_SAY_AGAIN = 600.0  # seconds between two words about the same trouble
_GAVE_UP = "I was cut off {attempts} times at this, so I leave it: {text}"
_WAITED = "I could not do that for so long that I leave it. Send it again if it still matters."
_FAULT = "That did not work: there is a fault in Jarvis. Its log says more."


class IMessageDaemon:
    """`tick` is all of it once; `run` repeats it until `stop` is called."""

    def __init__(
        self,
        chats: ChatDatabase,
        state: StateStore,
        commands: Commands,
        channel_to: ChannelTo,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._chats = chats
        self._state = state
        self._commands = commands
        self._channel_to = channel_to
        self._rules = rules
        self._clock = clock
        self._stopped = False
        self._told_to_stop: SimpleQueue[None] = SimpleQueue()  # whose put a signal may interrupt, unlike an Event's set
        self._trouble = _Trouble(clock)
        self._pruned_at: datetime | None = None
        self._cut_off = False  # a duty ended in the middle, and what it was at is to be recovered

    def run(self, poll: float) -> None:
        """Until it is told to stop, with `poll` seconds between two passes. What has begun is ended first."""
        self.recover()
        while not self._stopped:
            self.tick()
            with suppress(Empty):
                self._told_to_stop.get(timeout=poll)

    def stop(self) -> None:
        """End after what is being done now."""
        self._stopped = True
        self._told_to_stop.put(None)

    def recover(self) -> None:
        """Go on from where a daemon ended without a word."""
        waiting, unknown = self._state.recover(self._clock.now())
        self._cut_off = False
        if waiting:
            _LOG.warning("commands that were cut off and are carried out again: %d", waiting)
        if unknown:
            _LOG.warning("answers that were being sent when Jarvis ended, and may have arrived: %d", unknown)

    def tick(self) -> None:
        """One pass: read, carry out, answer. What cannot be done now is told in the log and left for the next."""
        duties = (self.read, self.carry_out, self.send, self.prune)
        for duty in (self.recover, *duties) if self._cut_off else duties:
            if self._stopped:
                return
            try:
                duty()
            except (ChatError, StoreBusy) as error:
                self._cut_off = True
                self._trouble.tell(duty.__name__, error.kind, str(error))
            except StoreUnusable:  # our own: it must not be touched
                raise
            except Exception as error:  # noqa: BLE001 - the next pass may go better, and the other duties do
                self._cut_off = True
                self._trouble.tell(duty.__name__, type(error).__name__, f"{duty.__name__} failed", error)
            else:
                self._trouble.over(duty.__name__)

    # -- reading ----------------------------------------------------------------------------------------------
    def read(self) -> int:
        """Take in what has come since the last look. How many commands that were."""
        with self._chats.look() as look:
            after, taken = self._start(look), 0
            while not self._stopped:
                upto, kept, more = self._batch(look, after)
                taken += sum(not each.refused for each in kept)
                _tell(kept)
                if not more:
                    return taken
                after = upto
        return taken

    def _start(self, look: Look) -> int:
        """The row to go on from. History is not read: what is too old is no command any more."""
        mark, now = self._state.watermark(), self._clock.now()
        if mark is not None and mark <= look.last():
            return mark
        first = look.last_before(now - self._rules.max_age)
        self._state.set_watermark(first, now)
        why = "the first look" if mark is None else "the messages were replaced"
        _LOG.info("%s: reading on from message %d", why, first)
        return first

    def _batch(self, look: Look, after: int) -> tuple[int, list[Judged], bool]:
        """The last row that was seen, what was kept of them, and whether there are more."""
        rows, now = look.after(after), self._clock.now()
        waits = next((number for number, each in enumerate(rows) if unsettled(each, now)), len(rows))
        settled = rows[:waits]
        if not settled:
            return after, [], False
        judged = [found for each in settled if (found := judge(each, self._rules, now)) is not None]
        for each in settled:
            if each.problem:
                _LOG.warning("message %d has no text that can be read: %s", each.rowid, each.problem)
        self._find_sent(settled, now)
        kept = self._state.take(judged, settled[-1].rowid, self._rules, now)
        return settled[-1].rowid, kept, len(settled) == BATCH

    def _find_sent(self, rows: list[Incoming], now: datetime) -> None:
        """Of what was being sent when a daemon was killed, Messages itself tells whether it went out."""
        mine = [each for each in rows if each.from_me]
        if mine and self._state.outbound.any_unknown():
            for each in mine:
                to = normalised(each.chat_identifier) or each.chat_identifier
                self._state.outbound.seen(Recipient(to, each.chat), each.text, each.sent_at, now)

    # -- carrying out -----------------------------------------------------------------------------------------
    def carry_out(self) -> int:
        """Carry out the commands that wait, in their order. How many."""
        count = 0
        while not self._stopped and (request := self._state.claim(self._clock.now())) is not None:
            try:
                answer = self._answer(request)
            except StoreBusy:
                self._state.release()
                raise
            answer = answer._replace(text=self._harmless(answer.text))
            self._state.settle(request, answer, self._clock.now(), self._rules.max_age)
            _LOG.info("command %d of %s: %s", request.id, request.sender, "failed" if answer.failed else "done")
            count += 1
        return count

    def _answer(self, request: Request) -> Answer:
        now = self._clock.now()
        if request.attempt > ATTEMPTS:
            return Answer(_GAVE_UP.format(attempts=ATTEMPTS, text=request.text[:_REPEATED]), failed=True)
        if now - request.asked_at > self._rules.max_age:
            return Answer(_WAITED, failed=True)
        try:
            return self._commands.carry_out(request, now)
        except StoreBusy:
            raise
        except JarvisError as error:
            return Answer(str(error), failed=True)
        except Exception:  # noqa: BLE001 - one command that cannot be carried out must not stop those after it
            _LOG.exception("command %d failed", request.id)
            return Answer(_FAULT, failed=True)

    def _harmless(self, text: str) -> str:
        """The same, and never the beginning of a command: what Jarvis writes to you, it may read again."""
        text = text.strip() or "-"
        return f"> {text}" if text.casefold().startswith(self._rules.prefix.casefold()) else text

    # -- answering --------------------------------------------------------------------------------------------
    def send(self) -> int:
        """Send the answers that wait, in their order. How many were sent."""
        sent = 0
        while not self._stopped and (letter := self._state.outbound.claim(self._clock.now())) is not None:
            how, reason = self._carry(letter)
            state = self._state.outbound.settle(letter, how, reason, self._clock.now())
            sent += state == "sent"
            level = logging.INFO if state == "sent" else logging.WARNING
            _LOG.log(level, "answer %d to %s: %s%s", letter.id, letter.recipient.to, state, reason and f": {reason}")
        return sent

    def _carry(self, letter: Letter) -> tuple[Ended, str]:
        """One attempt. Never raises: whatever the channel does becomes a state."""
        if letter.expires_at <= self._clock.now():
            return "refused", "it could not be sent in its time"
        if not self._rules.allows(letter.recipient):
            return "refused", "its recipient is not allowed by the configuration"
        try:
            channel = self._channel_to(letter.recipient)
            body = self._harmless(letter.body)
            channel.send(_message(letter, body, self._remaining(channel.timeout)))
        except SendRefused as error:
            return "refused", str(error)
        except SendUnknown as error:
            return "unknown", str(error)
        except Exception as error:  # noqa: BLE001 - a channel may raise anything: that is what failed means
            return "failed", str(error) or type(error).__name__
        return "sent", ""

    def _remaining(self, seconds: float) -> Callable[[], float]:
        until = self._clock.monotonic() + seconds
        return lambda: until - self._clock.monotonic()

    # -- keeping house ----------------------------------------------------------------------------------------
    def prune(self) -> None:
        """Now and then, forget what is old."""
        now = self._clock.now()
        if self._pruned_at is None or now - self._pruned_at >= _PRUNE_EVERY:
            self._pruned_at = now
            self._state.prune(now - RETENTION)
            self._commands.tidy(now)


class _Trouble:
    """What keeps a duty from being done: told when it begins, now and then, and when it is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, tuple[str, float]] = {}

    def tell(self, duty: str, kind: str, text: str, fault: Exception | None = None) -> None:
        before, at = self._told.get(duty, ("", 0.0))
        if before != kind or self._clock.monotonic() - at >= _SAY_AGAIN:
            self._told[duty] = (kind, self._clock.monotonic())
            _LOG.error("%s. Nothing is lost, it is tried again", text, exc_info=fault)

    def over(self, duty: str) -> None:
        if self._told.pop(duty, None) is not None:
            _LOG.info("%s works again", duty)


def _tell(kept: list[Judged]) -> None:
    """Log who was turned away, and never what was said: one line for each sender and reason."""
    counted = Counter((each.sender, each.refused) for each in kept if each.refused)
    for (sender, refused), count in counted.items():
        _LOG.warning("ignored %d message%s of %s: %s", count, "s" * (count > 1), sender or "nobody", refused)


def _message(letter: Letter, body: str, remaining: Callable[[], float]) -> Message:
    return Message(
        key=letter.key,
        channel="imessage",
        kind="answer",
        subject="",
        body=body,
        created_at=letter.created_at,
        remaining=remaining,
        attempt=letter.attempt,
    )

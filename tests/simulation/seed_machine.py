"""What the daemons of a simulated world share: one machine's clocks, and the log of what was really done.

The log is kept outside of the store and outlives every daemon: it is what the ledger is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from jarvis.errors import JarvisError, SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.carrier import MARGIN, Carrier, Deadline
from jarvis.scheduler.clockwatch import Reading
from jarvis.scheduler.executor import RunExecutor
from jarvis.scheduler.model import Claimed, Delivery, Outcome, Result, RunState, Sent
from jarvis.scheduler.ports import Context, Message
from jarvis.testing import FakeClock

TIMEOUT = timedelta(minutes=5)
REACTION = 5.0  # seconds that work takes at most to be gone once it was told to stop
ROUNDING = 1e-6


@dataclass(slots=True)
class Effect:
    """One time the work of an occurrence was really begun."""

    held: Claimed
    daemon: int
    mark: str
    began: float  # monotonic
    over_at: float
    how: str
    limit: float  # monotonic: its work must be gone by then
    starts: float = 0.0  # monotonic: when it is due, if it was claimed ahead
    ended: float | None = None
    orphan: bool = False
    clock: _Started | None = field(default=None, repr=False)

    @property
    def occurrence(self) -> tuple[int, datetime]:
        """What must never be worked at twice at once."""
        return self.held.run.task_id, self.held.run.due_at


@dataclass(slots=True)
class Send:
    """One time a message was really handed to its channel."""

    delivery: Delivery
    daemon: int
    began: float  # monotonic
    over_at: float
    how: str
    deadline: Deadline
    ended: float | None = None
    arrived: bool = False  # what the channel alone knows
    told: Sent | None = None  # what the daemon was told of it


class _Started:
    """The machine's clock, which shows the start of a run until its work is over: so `carry` can be called then."""

    def __init__(self, clock: FakeClock, ahead: float) -> None:
        self._clock = clock
        self._now: datetime | None = clock.now() + timedelta(seconds=ahead)
        self._monotonic = clock.monotonic() + ahead

    def go_on(self) -> None:
        self._now = None

    def now(self) -> datetime:
        return self._now or self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() if self._now is None else self._monotonic

    def read(self) -> Reading:
        return self._clock.read()


class Machine:
    """Clocks and effects. Time passes in steps that end where an effect does."""

    def __init__(self, start: datetime, chance: Random, say: Callable[[str], None]) -> None:
        self.clock = FakeClock(start)
        self.chance = chance
        self.say = say
        self.effects: list[Effect] = []
        self.sends: list[Send] = []
        self.sending: list[Send] = []  # those that go on now
        self.brief = ""  # the handler whose runs take no place
        self.failing = False  # most of it fails, for the same reason again and again
        self.calm = False  # all work that begins from now on goes well and is quick
        self.sent: dict[int, Callable[[Send], None]] = {}  # by daemon: what takes what a send came to
        self.finishing: dict[int, Callable[[Effect], None]] = {}  # by daemon: what takes the outcome

    def live(self) -> list[Effect]:
        """The work that goes on now."""
        return [effect for effect in self.effects if effect.ended is None]

    def next_end(self) -> float | None:
        """Seconds of waking time until some work or some send ends."""
        left = [effect.over_at for effect in self.live()] + [send.over_at for send in self.sending]
        return max(0.0, min(left) - self.clock.monotonic()) if left else None

    def wait(self, seconds: float) -> None:
        """Let waking time pass; work that is over by then ends at its moment."""
        until = self.clock.monotonic() + seconds
        while (left := self.next_end()) is not None and self.clock.monotonic() + left <= until + ROUNDING:
            self.clock.advance(left)
            self._end_due()
        if until > self.clock.monotonic():
            self.clock.advance(until - self.clock.monotonic())

    def _end_due(self) -> None:
        now = self.clock.monotonic() + ROUNDING
        for effect in sorted(self.live(), key=lambda each: each.over_at):
            if effect.over_at <= now:
                self.end(effect)
        for send in sorted(self.sending, key=lambda each: each.over_at):
            if send.over_at <= now:
                self.end_send(send)

    def end_send(self, send: Send) -> None:
        """The channel comes back; the daemon that waits for it hears of it."""
        self._over(send)
        self.sent[send.daemon](send)

    def _over(self, send: Send) -> None:
        send.ended = self.clock.monotonic()
        send.arrived = send.how == "arrives" or (send.how == "may arrive" and self.chance.random() < 0.5)
        self.sending.remove(send)

    def become_calm(self) -> None:
        """From now on everything goes well and is quick, and channels that hang come back."""
        self.calm = True
        for send in self.sending:
            send.over_at = min(send.over_at, self.clock.monotonic() + 0.01)

    def end(self, effect: Effect) -> None:
        """The work is over; the daemon that holds it, if it lives, hears of it."""
        effect.ended = self.clock.monotonic()
        if not effect.orphan:
            self.finishing[effect.daemon](effect)

    def kill(self, daemon: int) -> None:
        """A daemon died: its threads are gone with it, the processes it had started go on."""
        for effect in self.live():
            if effect.daemon == daemon:
                if effect.held.task.handler == "process":
                    effect.orphan = True
                else:
                    effect.ended = self.clock.monotonic()
        for send in [each for each in self.sending if each.daemon == daemon]:
            send.how = self.chance.choice([send.how, "may arrive"])
            self._over(send)

    def end_marked(self, mark: str) -> int:
        """End the processes that a dead daemon left."""
        left = [effect for effect in self.live() if effect.orphan and effect.mark == mark]
        for effect in left:
            effect.ended = self.clock.monotonic()
        return len(left)


class ScriptedExecutor:
    """Effects on simulated time, each through the real RunExecutor once its work is over."""

    def __init__(self, machine: Machine, daemon: int, limit: int, at: Callable[[str], None]) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self.renew: Callable[[], None] = lambda: None
        self.begun: Callable[[Effect], None] = lambda _effect: None
        self._machine = machine
        self._daemon = daemon
        self._limit = limit
        self._at = at
        self._running: list[Effect] = []
        self._finished: list[Outcome] = []
        self._asked: dict[int, str] = {}
        machine.finishing[daemon] = self._finish

    @property
    def free(self) -> int:
        return self._limit - sum(not self.brief(effect.held.task.handler) for effect in self._running)

    @property
    def busy(self) -> int:
        return len(self._running) + len(self._finished)

    def start(self, claimed: Sequence[Claimed], owner_mark: str) -> None:
        for held in claimed:
            self._at("before effect")
            effect = self._scripted(held, owner_mark)
            self._machine.effects.append(effect)
            self._running.append(effect)
            self._machine.say(f"    effect of run {held.run.id} fence {held.run.fence}: {effect.how}")
            self.begun(effect)
            self._at("after effect")

    def _scripted(self, held: Claimed, mark: str) -> Effect:
        chance, clock = self._machine.chance, self._machine.clock
        # Claimed ahead it holds its place from now on, and its work begins when it is due.
        ahead = ((held.run.started_at or clock.now()) - clock.now()).total_seconds()
        ahead = ahead if 0 < ahead <= 60 else 0.0  # else the clock was set back since, and nobody waits for that
        now, starts = clock.monotonic(), clock.monotonic() + ahead
        often = [1, 8, 1, 1] if self._machine.failing else [6, 1, 1, 1]
        how = chance.choices(["succeeds", "fails", "raises", "hangs"], often)[0]
        timeout = (held.task.policy.timeout or TIMEOUT).total_seconds()
        takes = 1e9 if how == "hangs" else chance.choice([0.0, 0.01, 1.0, 7.0, 45.0, 200.0, 900.0])
        if self._machine.calm:
            how, takes = "succeeds", 0.01
        if self._machine.failing and how != "hangs":
            takes = min(takes, 1.0)
        reaction = chance.choice([0.0, 0.5, REACTION])
        over_at = starts + (takes if takes < timeout else timeout + reaction)
        how = how if takes < timeout else "times out"
        limit, started = starts + timeout + REACTION, _Started(clock, ahead)
        return Effect(held, self._daemon, mark, now, over_at, how, limit, starts, clock=started)

    def _finish(self, effect: Effect) -> None:
        """Carry the run now that its work is over: the handler answers at once what the script says."""
        clock = effect.clock
        assert clock is not None

        def handler(context: Context) -> Result | None:
            clock.go_on()
            if context.cancelled() or effect.how == "times out":
                return Result(state=RunState.FAILED, reason="it was ended")
            if effect.how == "raises":
                raise RuntimeError("the script says so")
            return Result(state=RunState.FAILED, reason="the script says so") if effect.how == "fails" else None

        name = effect.held.task.handler
        carrier = RunExecutor({name: handler}, clock=clock, timeout=TIMEOUT)
        if (why := self._asked.pop(effect.held.run.id, None)) is not None:
            carrier.cancel(effect.held.run.id, why)
        self._running.remove(effect)
        self._finished.append(carrier.carry(effect.held, effect.mark))
        self.on_finish()

    def finished(self) -> list[Outcome]:
        self._at("before finished")
        return list(self._finished)

    def acknowledge(self, count: int) -> None:
        self._at("before acknowledge")
        del self._finished[:count]

    def brief(self, handler: str) -> bool:
        return handler == self._machine.brief

    def holds(self, run_id: int) -> bool:
        held = [effect.held for effect in self._running] + [outcome.claimed for outcome in self._finished]
        return run_id in [each.run.id for each in held]

    def wait(self, _timeout: float | None = None) -> bool:
        return bool(self._finished)

    def cancel(self, run_id: int, reason: str) -> None:
        now = self._machine.clock.monotonic()
        for effect in self._running:
            if effect.held.run.id == run_id and run_id not in self._asked:
                self._asked[run_id] = reason
                told = max(now, effect.starts)
                effect.over_at = min(effect.over_at, told + self._machine.chance.choice([0.0, 0.5, REACTION]))

    def cancel_all(self) -> None:
        for effect in self._running:
            self.cancel(effect.held.run.id, "the daemon was told twice to stop")

    def end_leftovers(self, owner_mark: str) -> int:
        self._at("before leftovers")
        ended = self._machine.end_marked(owner_mark)
        self._at("after leftovers")
        return ended

    def close(self) -> None:
        self._at("before close")


SEND_TIMEOUT = 30.0  # seconds
_ERRORS: dict[str, type[JarvisError]] = {"fails": SendFailed, "is refused": SendRefused, "may arrive": SendUnknown}


@dataclass(frozen=True, slots=True)
class _Answer:
    """A channel that answers as the script says."""

    send_: Send
    timeout: float = SEND_TIMEOUT

    def send(self, _message: Message) -> None:
        error: dict[str, type[JarvisError]] = {
            "fails": SendFailed,
            "is refused": SendRefused,
            "may arrive": SendUnknown,
        }
        if self.send_.how in error:
            raise error[self.send_.how]("the script says so")


class ScriptedSender:
    """Sends on simulated time, each through the real Carrier once its channel comes back."""

    def __init__(self, machine: Machine, daemon: int, at: Callable[[str], None]) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self.careful = False
        self.begun: Callable[[Send], None] = lambda _send: None
        self._machine = machine
        self._daemon = daemon
        self._at = at
        self._open: list[Send] = []
        machine.sent[daemon] = self._came_back

    @property
    def engaged(self) -> frozenset[str]:
        mine = [send for send in self._machine.sending if send.daemon == self._daemon]  # those given up as well
        return frozenset(send.delivery.channel for send in (*mine, *self._open))

    @property
    def busy(self) -> int:
        return len(self._open)

    def start(self, claimed: Sequence[Delivery]) -> None:
        for delivery in claimed:
            self._at("before send")
            send = self._scripted(delivery)
            for each in (self._machine.sends, self._machine.sending, self._open):
                each.append(send)
            self._machine.say(f"    send of delivery {delivery.id} fence {delivery.fence}: {send.how}")
            self.begun(send)
            self._at("after send")

    def _scripted(self, delivery: Delivery) -> Send:
        chance, now = self._machine.chance, self._machine.clock.monotonic()
        how = chance.choices(["arrives", "fails", "is refused", "may arrive"], [5, 3, 2, 2])[0]
        takes = chance.choice([0.0, 0.01, 0.01, 1.0, 7.0, 45.0, 900.0, 5_000.0])  # some do not keep to their time
        if self._machine.calm:
            how, takes = "arrives" if how == "fails" else how, 0.01  # what fails may be tried again for a day
        deadline = Deadline(self._machine.clock)
        deadline.allow(SEND_TIMEOUT)
        return Send(delivery, self._daemon, now, now + takes, how, deadline)

    def _came_back(self, send: Send) -> None:
        if send.told is None:  # else it was given up
            carrier = Carrier(lambda _name: _Answer(send), self._machine.clock)
            send.told = carrier.carry(send.delivery, send.deadline)
        self.on_finish()

    def finished(self) -> list[Sent]:
        self._at("before sent")
        for send in self._open:
            if send.told is None and self._overdue_in(send) <= 0:
                send.told = Carrier(lambda _name: _Answer(send), self._machine.clock).give_up(send.delivery)  # noqa: B023
        return [send.told for send in self._open if send.told is not None]

    def acknowledge(self, sent: Sequence[Sent]) -> None:
        self._at("before forget")
        self._open = [send for send in self._open if send.told not in sent]

    def wait(self) -> None:
        """Nothing: time passes by the machine alone."""

    def overdue_in(self) -> float | None:
        return min((max(0.0, self._overdue_in(send)) for send in self._open if send.told is None), default=None)

    @staticmethod
    def _overdue_in(send: Send) -> float:
        return send.deadline.left() + MARGIN

    def close(self) -> None:
        """Some sends heed that they are to stop, and cannot tell whether they arrived."""
        for send in [each for each in self._machine.sending if each.daemon == self._daemon]:
            if self._machine.chance.random() < 0.5:
                send.how = "may arrive"
                self._machine.end_send(send)


NORMAL = datetime(2026, 3, 2, 9, tzinfo=UTC)
#: Where worlds begin: a plain Monday, and a few hours before clocks change, forward and back, by 60 and 30 minutes.
STARTS = (
    NORMAL,
    NORMAL,
    datetime(2026, 3, 8, 4, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 3, 50, tzinfo=UTC),
    datetime(2026, 4, 4, 12, 10, tzinfo=UTC),
    datetime(2026, 10, 3, 13, 20, tzinfo=UTC),
)

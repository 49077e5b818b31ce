"""JarvisDaemon: the tick loop around the engine. Wake, signals, drain, heartbeat; no SQL, no policy.

`python -m jarvis.scheduler.daemon` runs it as `jarvis daemon` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from jarvis.errors import JarvisError, StoreBusy, StoreError, StoreUnusable
from jarvis.scheduler.alarm import Alarm
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.engine import LOOK_EVERY, SchedulerEngine
from jarvis.scheduler.keeper import Keeper
from jarvis.scheduler.lookout import Lookout
from jarvis.scheduler.model import Instance, RunResult, RunState
from jarvis.scheduler.outage import Outage
from jarvis.scheduler.ports import Clock, Waker
from jarvis.scheduler.signals import Signals

_LOG = logging.getLogger("jarvis.daemon")
_T = TypeVar("_T")

HEARTBEAT_EVERY = 60.0  # seconds
DRAIN_EVERY = 1.0  # seconds between two looks at the runs that a stop waits for
LEAVE_AFTER = 15.0  # seconds that a second signal leaves the cancelled runs to end in
SETTLE_WITHIN = 90.0  # seconds that a stop waits for a store in which the runs that have ended can be settled
SEND_PATIENCE = 10.0  # seconds that a stop leaves what is being sent; what waits is sent at the next start
EARLY = 0.5  # seconds: a long wait of the event loop ends late (57 ms after 60 s), so it is cut in two
FEW = 20  # results logged one by one; more than that in one tick become a summary


class JarvisDaemon:
    """Ticks until told to stop. `tick_interval` is the longest time in seconds between full evaluations."""

    def __init__(  # noqa: PLR0913 - its parts, each by its name
        self,
        tick_interval: float = 60,
        memory_store: Any = None,
        *,
        engine: SchedulerEngine | None = None,
        clock: Clock | None = None,
        reload: Callable[[], None] = lambda: None,
        on_look: Callable[[], None] = lambda: None,
        outside: Callable[[], bool] = lambda: False,
        keeper: Keeper | None = None,
        lookout: Lookout | None = None,
    ) -> None:
        self.tick_interval = tick_interval
        self.engine = engine or _composed(memory_store)
        self._clock = clock or SystemClock()
        self._reload = reload
        self._on_look = on_look  # called beside the event loop every LOOK_EVERY, and after a reload
        self._outside = outside  # whether that would find anything; called on the event loop, while nothing runs
        self._keeper = keeper or Keeper()
        self._lookout = lookout or Lookout()
        self._shutdown = False
        self._signals = Signals(self._clock, self.shutdown, self._cancel_all, self._reload_now)
        self._alarm = Alarm()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waker: Waker | None = None
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="jarvis-store")
        self._next: datetime | None = None  # when something next has its turn
        self._evaluated_at = self._beaten_at = self._looked_at = float("-inf")  # monotonic
        self._rest = LOOK_EVERY  # seconds that were meant to pass from the last look at the clocks to the next
        self._outage = Outage()
        self._refusal: StoreUnusable | None = None
        self._leave_at = float("inf")  # monotonic: a stop waits no longer

    async def run(self) -> None:
        """Start, tick until `shutdown`, let what runs end, stop.

        Raises StoreUnusable if the store must not be touched any more, StoreError if runs were left unsettled.
        """
        self._setup_signals()
        try:
            await self._start()
            if not self._shutdown:
                self._keeper.ready()
            while not self._shutdown:
                await self._tick()
                await self._sleep()
            self._keeper.stopping()
            await self._drain()
        finally:
            unsettled = self.engine.executor.busy
            await self._stop()
        if self._refusal is not None:
            raise self._refusal
        if unsettled:
            raise StoreError(
                f"stopped with {unsettled} runs unsettled: the next start ends what is left of them and does with each "
                "what its task says for one that was cut off (--on-interrupt)"
            )

    def shutdown(self) -> None:
        """Stop after the current tick, once the runs that started have ended. Can be called again."""
        self._shutdown = True
        self.wake()

    def wake(self) -> None:
        """Tick now. Can be called from any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to wake
                loop.call_soon_threadsafe(self._alarm.ring)

    async def _tick(self) -> list[RunResult]:
        """One evaluation. Never raises: an error is logged, and the next tick tries again."""
        if self._refusal is not None:
            return []
        try:
            results = await self._aside(self._evaluate)
        except StoreUnusable as error:
            self._refuse(error)
            return []
        except Exception as error:  # noqa: BLE001 - whatever failed was not committed, so nothing is lost: go on
            self._say_failing(error)
            return []
        self._say_working()
        _log(results)
        return results

    def _evaluate(self) -> list[RunResult]:
        if self._signals.stops > 1:
            self.engine.store.hurry()
        self.engine.watch(self._rest)
        now, mono = self._clock.now(), self._clock.monotonic()
        self._next = None
        if mono - self._beaten_at >= HEARTBEAT_EVERY:
            self.engine.heartbeat(now)
            self._beaten_at = mono
        self._look_outside()
        if (outage := self._outage.absence(now)) is not None:
            self.engine.expect(outage)
        results = self.engine.tick(now, claim=not self._shutdown)
        if outage is not None:
            self.engine.note([outage])
        self._next = self.engine.next_wake(now)
        self._evaluated_at = mono
        self.engine.prune()
        return results

    async def _sleep(self) -> None:
        """Until something is due, something changed, or it is time for a full evaluation."""
        if await self._hold_off():
            return
        looked = True  # by the tick
        while not (self._alarm.rung or self._is_time()):
            if await self._look_around(looked):
                break
            looked = False
        self._alarm.silence()

    async def _look_around(self, looked: bool) -> bool:
        """See whether another process wrote to the store or left something behind, else wait until there may be more
        to see. `looked`: it was just looked."""
        self._lookout.drain()  # also of what we wrote ourselves
        try:
            calm = self.engine.undisturbed(self._rest) and not self._outside()  # microseconds; a thread is tens of them
            if calm or not looked:
                changed = self.engine.store.changed()
                if (changed or not calm) and (await self._aside(self._look) or changed):
                    return True
        except Exception:  # noqa: BLE001 - the tick that follows meets the same error, and says it
            if not looked:
                return True
            calm = False
        watched = calm and self._lookout.sees_all()
        pause = self._pause(watched)
        self._rest = max(LOOK_EVERY, pause)
        await self._alarm.wait(pause, self._lookout.fd if watched else -1)
        return False

    async def _hold_off(self) -> bool:
        """While ticks fail, wait until it is time to try again; whether they do."""
        while (left := self._outage.retry_at - self._clock.monotonic()) > 0 and not self._shutdown:
            await self._alarm.wait(left)
            self._alarm.silence()
        return bool(self._outage.kind)

    def _is_time(self) -> bool:
        overdue = self._clock.monotonic() - self._evaluated_at >= self.tick_interval
        return overdue or (self._next is not None and self._next <= self._clock.now())

    def _pause(self, watched: bool) -> float:
        """Seconds to wait before looking again; `watched`: we are told of what a look could find."""
        least = self._evaluated_at + self.tick_interval - self._clock.monotonic()
        least = least if watched else min(LOOK_EVERY, least)
        if self._next is None:
            return max(0.0, least)
        due_in = (self._next - self._clock.now()).total_seconds()
        return max(0.0, min(least, due_in - EARLY if due_in > 2 * EARLY else due_in))

    def _look(self) -> bool:
        self.engine.watch(self._rest)
        self._look_outside()
        return bool(self.engine.recover(self._clock.now()))

    def _look_outside(self) -> None:
        """What is to be looked at every LOOK_EVERY, however often the daemon ticks; what it changes pokes us."""
        mono = self._clock.monotonic()
        if mono - self._looked_at >= LOOK_EVERY and not self._shutdown:
            self._looked_at = mono
            self._on_look()

    async def _drain(self) -> None:
        """Settle what runs as it ends; start nothing."""
        if self.engine.executor.busy:
            _LOG.info("stopping: waiting for %d runs to end", self.engine.executor.busy)
        while self.engine.executor.busy and not self._out_of_patience():
            await self._tick()
            if self.engine.executor.busy:
                await self._alarm.wait(DRAIN_EVERY)
                self._alarm.silence()
        await self._drain_sends()

    async def _drain_sends(self) -> None:
        """Let what is being sent end, but not for long."""
        leave_at = self._clock.monotonic() + (SEND_PATIENCE if self._refusal is None else 0)
        while self.engine.outbox.busy and self._signals.stops < 2 and self._clock.monotonic() < leave_at:
            await self._alarm.wait(DRAIN_EVERY)
            self._alarm.silence()
            await self._tick()

    def _out_of_patience(self) -> bool:
        """Whether a stop has waited long enough for what still runs, or for the store to take what has ended."""
        now, executor = self._clock.monotonic(), self.engine.executor
        if executor.busy == len(executor.finished()):
            if self._refusal is not None:
                return True
            if self._outage.kind:
                self._leave_at = min(self._leave_at, now + SETTLE_WITHIN)
        return now >= self._leave_at

    async def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.engine.notify(self.wake)
        for other in await self._entered():
            _LOG.info(
                "another daemon is on this store (process %d on %s, since %s): the work is shared, nothing runs twice",
                other.pid, other.host, other.started_at.isoformat(timespec="seconds"),
            )  # fmt: skip
        if not self._shutdown:
            self._waker = self.engine.store.instances.waker(self.engine.instance.id)
        if self._waker is not None:
            self._loop.add_reader(self._waker.fd, self._poked)

    async def _entered(self) -> list[Instance]:
        """Enter the store, as soon as it can be used; the other daemons on it."""
        while True:
            try:
                return await self._aside(self._enter)
            except StoreBusy as error:
                self._say_failing(error)
            await self._hold_off()
            if self._shutdown:
                return []

    def _enter(self) -> list[Instance]:
        self.engine.open(self._clock.now())
        self.engine.store.changed()  # what was written before now is no news
        return self.engine.others()

    def _poked(self) -> None:
        if self._waker is not None:
            self._waker.drain()
        self._alarm.ring()

    async def _stop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._waker is not None:
            loop.remove_reader(self._waker.fd)
        try:
            await self._aside(self._leave)
        except Exception as error:  # noqa: BLE001 - the next daemon sees by the closed pipe that this one has ended
            _LOG.warning("could not sign off, which harms nothing: %s", error)
        self._beside.shutdown(wait=False)
        self._loop = None
        _LOG.info("stopped")

    def _leave(self) -> None:
        """Sign off; if runs are still going, end their processes first: the next start may be far away."""
        executor, owner = self.engine.executor, self.engine.entered
        if owner is not None and executor.busy > len(executor.finished()):
            executor.end_leftovers(owner.token)
        self.engine.close()

    def _setup_signals(self) -> None:
        self._signals.listen()

    def _reload_now(self) -> None:
        try:
            self._reload()
        finally:
            self._looked_at = float("-inf")
            self._alarm.ring()

    async def _aside(self, call: Callable[[], _T]) -> _T:
        """Run a store call beside the event loop, one at a time: a slow disk must not delay the signals."""
        return await asyncio.get_running_loop().run_in_executor(self._beside, call)

    def _cancel_all(self) -> None:
        """End what runs, and leave after a while even if it does not end or cannot be settled."""
        self.engine.executor.cancel_all()
        self._leave_at = min(self._leave_at, self._clock.monotonic() + LEAVE_AFTER)

    def _refuse(self, error: StoreUnusable) -> None:
        """Going on would lose or spoil something: end what runs, write nothing more, leave."""
        _LOG.critical("stopping: %s", error)
        self._refusal = error
        self._cancel_all()
        self.shutdown()

    def _say_failing(self, error: Exception) -> None:
        if said := self._outage.failed(error, self._clock.monotonic(), self._clock.now()):
            _LOG.error("%s", said, exc_info=None if isinstance(error, StoreBusy) else error)

    def _say_working(self) -> None:
        if said := self._outage.worked(self._clock.monotonic()):
            _LOG.info("%s", said)


def _composed(memory_store: Any) -> SchedulerEngine:
    """The engine that `jarvis.app` composes: the one import that points up, kept inside this function."""
    from jarvis import app  # noqa: PLC0415

    return app.engine(memory_store)


def _log(results: list[RunResult]) -> None:
    if len(results) > FEW:
        good = sum(result.state is RunState.SUCCEEDED for result in results)
        _LOG.info("%d runs ended, %d of them succeeded", len(results), good)
        results = [result for result in results if result.state is not RunState.SUCCEEDED][:FEW]
    for result in results:
        level = logging.INFO if result.state is RunState.SUCCEEDED else logging.WARNING
        after = "none" if result.next_run_at is None else result.next_run_at.isoformat(timespec="milliseconds")
        extra = {"run": result.run_id, "due": result.due_at.isoformat(timespec="milliseconds"), "next": after}
        _LOG.log(
            level,
            "%s %s%s",
            result.task,
            result.state,
            f": {result.reason}" if result.reason else "",
            extra=extra,
        )


def main() -> int:
    """Run the daemon as `jarvis daemon` does."""
    from jarvis import startup  # noqa: PLC0415

    try:
        return startup.run_daemon()
    except JarvisError as error:
        _LOG.critical("%s", error)
        return error.exit_code


if __name__ == "__main__":
    raise SystemExit(main())

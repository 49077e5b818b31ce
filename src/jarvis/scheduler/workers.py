"""A few threads that carry claimed runs, so that a slow handler delays nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from queue import SimpleQueue

from jarvis.scheduler.executor import RunExecutor
from jarvis.scheduler.lease import LeaseKeeper
from jarvis.scheduler.model import Claimed, Outcome
from jarvis.scheduler.ports import HEARD_WITHIN


class Workers:
    """Threads made when first needed, at most `limit` and one for brief runs, which must not wait for the others.

    They are daemon threads: a third signal must end all.
    """

    def __init__(
        self,
        executor: RunExecutor,
        limit: int,
        *,
        brief: Collection[str] = (),
        end_marked: Callable[[str], int] = lambda _mark: 0,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """`brief` are the handlers whose runs are over at once: one thread carries all that start together."""
        self.on_finish: Callable[[], None] = lambda: None  # called from a worker thread; must not block
        self.renew: Callable[[], None] = lambda: None
        self._lease = LeaseKeeper(self._renew_lease)
        self._executor = executor
        self._limit = limit
        self._room = limit  # places that no run has taken
        self._leaving = False  # nothing may start any more
        self._brief = frozenset(brief)
        self._end_marked = end_marked
        self._on_close = on_close
        self._waiting: SimpleQueue[tuple[Sequence[Claimed], str] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._finished: list[Outcome] = []
        self._told = False  # whether `on_finish` was called, and nobody has asked what finished since
        self._some_finished = threading.Condition()
        self._held: set[int] = set()  # ids of the runs started and not yet acknowledged

    @property
    def free(self) -> int:
        """How many more runs can start now."""
        return 0 if self._leaving else self._room

    @property
    def busy(self) -> int:
        """How many runs are started and not yet acknowledged as settled."""
        return len(self._held)

    def brief(self, handler: str) -> bool:
        """Whether runs of that handler are over at once, so that any number may start and none takes a place."""
        return handler in self._brief and not self._leaving

    def holds(self, run_id: int) -> bool:
        """Whether that run is started and not yet acknowledged as settled."""
        return run_id in self._held

    def start(self, claimed: Sequence[Claimed], owner_mark: str) -> None:
        """Begin these runs; returns at once."""
        self._lease.hold()
        brief = [held for held in claimed if held.task.handler in self._brief]
        others = [[held] for held in claimed if held.task.handler not in self._brief]
        with self._some_finished:
            self._room -= len(others)
        for together in [brief, *others] if brief else others:
            self._held.update(held.run.id for held in together)
            self._waiting.put((together, owner_mark))
            # Last: Ctrl-C may end the waiting for a thread to be there, which then is, and finds its runs.
            if len(self._threads) < min(len(self._held), self._limit + bool(self._brief)):
                self._add_thread()

    def finished(self) -> list[Outcome]:
        """Outcomes not yet acknowledged, oldest first. Asking again gives the same ones."""
        self._told = False  # before the look: what ends from now on is told
        return list(self._finished)

    def acknowledge(self, count: int) -> None:
        """The first `count` of `finished` are settled and may be forgotten."""
        with self._some_finished:
            settled, self._finished[:count] = self._finished[:count], []
            self._held.difference_update(outcome.claimed.run.id for outcome in settled)
        if not self._held:
            self._lease.rest()
        for outcome in settled:
            self._executor.forget(outcome.claimed)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until something is finished or `timeout` seconds passed; whether something is."""
        with self._some_finished:
            if timeout is not None:
                return self._some_finished.wait_for(lambda: bool(self._finished), timeout)
            while not self._finished:
                self._some_finished.wait(HEARD_WITHIN)
            return True

    def cancel(self, run_id: int, reason: str) -> None:
        """Ask one run to stop now (`Context.cancelled`)."""
        self._executor.cancel(run_id, reason)

    def cancel_all(self) -> None:
        """Ask everything that runs to stop now. From now on there is room for nothing more."""
        self._leaving = True
        self._executor.cancel_all()

    def end_leftovers(self, owner_mark: str) -> int:
        """End processes that a dead owner's runs left behind; how many were found."""
        return self._end_marked(owner_mark)

    def close(self) -> None:
        """Let idle threads end, and wait for them; one that still works is left to the process's exit."""
        self._lease.close()
        for _ in self._threads:
            self._waiting.put(None)
        if not self._held:
            for thread in self._threads:
                thread.join()
        self._on_close()

    def _renew_lease(self) -> None:
        self.renew()

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"jarvis-run-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while (next_up := self._waiting.get()) is not None:
            together, mark = next_up
            outcomes = [self._executor.carry(held, mark) for held in together]
            with self._some_finished:
                self._room += together[0].task.handler not in self._brief
                self._finished += outcomes
                self._some_finished.notify_all()
                told, self._told = self._told, True
            if not told:
                self.on_finish()

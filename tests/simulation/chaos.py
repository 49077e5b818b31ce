"""Faults at named points: what is about to be done, or has just been done, goes wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from jarvis.errors import StoreError
from jarvis.memory import MemoryStore

# Where a fault may strike. Each operation has a point before and one after it, inside its transaction if it is
# part of one; each outermost transaction has one before it begins, one before and one after its commit.
OPERATIONS = {
    "runs": ("record", "record_started", "claim", "settle", "recover", "expire"),
    "tasks": ("pause", "move"),
    "instances": ("register", "heartbeat", "bury", "sign_off"),
}


class Crash(BaseException):
    """The process is gone: nothing in it may catch this."""


class Chaos:
    """Decides by its own seed at which points what goes wrong; `calm` for none."""

    def __init__(self, seed: int, likely: float, slow: Callable[[], None], told: Callable[[str], None]) -> None:
        self._random = random.Random(seed)
        self._likely = likely
        self._slow = slow
        self._told = told
        self.calm = True  # until something worth breaking is there

    def strike(self, point: str) -> None:
        """Pass a point: mostly unharmed."""
        if self.calm or self._random.random() >= self._likely:
            return
        kind = self._random.choice(("crash", "crash", "locked", "full", "slow"))
        self._told(f"{kind} at {point}")
        if kind == "crash":
            raise Crash(point)
        if kind == "slow":
            self._slow()
        else:
            raise StoreError(f"the store is {kind} (simulated at {point})")

    def infest(self, store: MemoryStore) -> None:
        """Let every named point of a store pass through `strike`."""
        for table, operations in OPERATIONS.items():
            for name in operations:
                found = getattr(store, table)
                setattr(found, name, self._around(f"{table}.{name}", getattr(found, name)))
        begin, depth = store.database.transaction, Depth()

        def transaction(*, durable: bool = True) -> _Transaction:
            return _Transaction(self, begin(durable=durable), depth)

        store.database.transaction = transaction  # type: ignore[method-assign, assignment]

    def _around(self, point: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def struck(*args: Any, **named: Any) -> Any:
            self.strike(f"before {point}")
            result = call(*args, **named)
            self.strike(f"after {point}")
            return result

        return struck


class Depth:
    """How many transactions of a connection are open, one inside the other."""

    def __init__(self) -> None:
        self.open = 0


class _Wrapped(Protocol):
    def __enter__(self) -> Any: ...
    def __exit__(self, kind: Any, error: Any, trace: Any, /) -> Any: ...


class _Transaction:
    """A transaction whose commit may be the last thing its process does, or just not be done any more."""

    def __init__(self, chaos: Chaos, inner: _Wrapped, depth: Depth) -> None:
        self._chaos = chaos
        self._inner = inner
        self._depth = depth

    def __enter__(self) -> Any:
        if not self._depth.open:
            self._chaos.strike("begin")
        entered = self._inner.__enter__()
        self._depth.open += 1
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth.open -= 1
        if not self._depth.open and error is None:
            try:
                self._chaos.strike("commit")
            except BaseException as struck:
                self._inner.__exit__(type(struck), struck, struck.__traceback__)
                raise
        self._inner.__exit__(kind, error, trace)
        if not self._depth.open and error is None:
            self._chaos.strike("committed")

"""Faults at named points. Every statement of every SQL file is a point, before and after, and so is each call of
the executor: a new pass brings its own points with it, and only what deserves weight is named here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import apsw

from jarvis.memory import statements


class Crash(BaseException):
    """The process is gone. No handler of errors sees it, and nothing of it writes any more."""


#: What a point is reported by -> where it lies. A new fault point is one entry here.
POINTS = {
    "before record": "before tasks.advance",
    "within record": "after tasks.advance",
    "after record": "after runs.insert",
    "after record and claim": "after runs.insert_started",
    "before claim": "before runs.claim",
    "after claim": "after runs.claim",
    "before commit": "before commit",
    "after commit": "after commit",
    "before begin": "before begin",
    "before effect": "before effect",
    "after effect": "after effect",
    "before settle": "before runs.settle",
    "after settle": "after runs.settle",
    "before acknowledge": "before acknowledge",
    "before leftovers": "before leftovers",
    "after leftovers": "after leftovers",
    "before send": "before send",
    "after send": "after send",
    "before sent": "before sent",
    "before forgetting a send": "before forget",
    "within deliver": "after deliveries.insert",
    "after claim of a delivery": "after deliveries.claim",
    "after settle of a delivery": "after deliveries.settle",
    "before loss": "before deliveries.lose",
    "after hold": "after holding.hold",
    "after passing over": "after holding.pass_over",
    "after lift": "after holding.lift",
    "before digest": "before holding.insert_digest",
    "within digest": "after holding.insert_digest",
    "after digest": "after holding.join_digest",
    "before recover": "before runs.back_to_pending",
    "before bury": "before instances.buried",
    "heartbeat": "before instances.heartbeat",
    "after register": "after instances.insert",
    "sign-off": "before instances.sign_off",
    "absence": "before absences.insert",
    "before rezone": "before tasks.rezone",
    "read": "before tasks.due",
    "before matching": "before events.pending",
    "within matching": "after causes.note",
    "between run and cause": "before causes.led_to",
    "before the status": "before causes.matched",
    "after the status": "after causes.matched",
    "before a question": "before ask",
    "within a chain": "before causes.followers",
}

#: What SQLite answers where a statement cannot be carried out.
REFUSALS: dict[str, tuple[type[apsw.Error], frozenset[str]]] = {
    "locked": (apsw.BusyError, frozenset({"before begin", "before tasks.due"})),
    "full": (
        apsw.FullError,
        frozenset(
            {
                "before commit",
                "before tasks.advance",
                "before runs.settle",
                "before deliveries.insert",
                "before causes.note",
            }
        ),
    ),
    "io": (
        apsw.IOError,
        frozenset({"before commit", "before begin", "before absences.insert", "before tasks.rezone"}),
    ),
}

#: What else may happen in the middle of a pass, and how often beside the others. A new kind is one entry here
#: and one method `happen_KIND` of the world.
KINDS = {"crash": 6, "locked": 2, "full": 2, "io": 2, "slow": 2, "step": 1, "sleep": 1, "zone": 1, "other": 3}

_FOLDER = Path(statements.__file__).parent / "sql"
_NAMES = {
    sql.rstrip("; \n"): f"{file.stem}.{verb}"
    for file in _FOLDER.glob("*.sql")
    for verb, sql in statements.load(file.stem).items()
}
_WORDS = {"BEGIN IMMEDIATE": "begin", "COMMIT": "commit", "ROLLBACK": "rollback"}


def named(sql: str) -> str:
    """The name of a statement as the SQL files have it."""
    text = sql.strip().rstrip("; \n")
    return _WORDS.get(text) or _NAMES.get(text) or text.partition(" ")[0].lower()


class Faults:
    """What is armed, and where the code is. Each armed fault happens once, the next time its point is reached."""

    def __init__(self, chance: Random, happen: Callable[[str, int], None]) -> None:
        self.armed: dict[str, str] = {}
        self._chance = chance
        self._happen = happen

    def arm(self) -> str:
        """Choose one; how it is told."""
        kind = self._chance.choices(list(KINDS), list(KINDS.values()))[0]
        places = sorted(REFUSALS[kind][1]) if kind in REFUSALS else list(POINTS.values())
        point = self._chance.choice(places)
        self.armed[point] = kind
        return f"{kind} {point}"

    def disarm(self) -> None:
        """Let nothing happen any more."""
        self.armed.clear()

    def reached(self, point: str, daemon: int) -> None:
        """The daemon of that number is at a point: what is armed there happens now."""
        kind = self.armed.pop(point, None)
        if kind in REFUSALS:
            raise REFUSALS[kind][0](f"{REFUSALS[kind][0].__name__}: made up by the simulation")
        if kind is not None:
            self._happen(kind, daemon)

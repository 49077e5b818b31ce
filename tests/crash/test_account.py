"""The account itself: each way to break the promise is seen, and a kept one is not called broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.crash.account import Account, Effect, Row, account

EVERY = timedelta(seconds=1)
SECOND = 1_000_000
CUT = "(attempt 1 was cut off: its daemon (process 7) ended without a word)"


def row(due: int, **more: Any) -> Row:
    values: dict[str, Any] = {
        "id": due + 1, "task_id": 1, "task": "t", "due_at": due * SECOND, "until": None, "count": 1,
        "state": "succeeded", "reason": "", "attempt": 1, "recorded_at": due * SECOND,
    }  # fmt: skip
    return Row(**values | more)


def effect(due: int, attempt: int = 1, task_id: int = 1) -> Effect:
    return Effect(task_id, due * SECOND, attempt)


ROWS = [
    row(0),
    row(1, attempt=2, reason=CUT),
    row(2, state="missed", until=4 * SECOND, count=3, attempt=0),
    row(5, state="failed"),
    row(0, id=9, task_id=2, task="u"),
]
EFFECTS = [effect(0), effect(1), effect(1, attempt=2), effect(0, task_id=2)]


def test_a_kept_promise_is_told_in_one_line() -> None:
    found = account(ROWS, EVERY, EFFECTS, settles=[1, 2, 9])
    assert found == Account(7, lost=0, unsettled=0, settled_twice=0, repeated_effects=1, integrity="ok")
    assert found.kept
    assert str(found) == (
        "7 occurrences, lost 0, unsettled 0, settled twice 0, repeated effects 1 "
        "(all of runs that were cut off), integrity ok"
    )


@pytest.mark.parametrize(
    ("rows", "field", "count"),
    [
        pytest.param([row(0), row(2)], "lost", 1, id="an instant without a row"),
        pytest.param([row(0), row(1, until=3 * SECOND, count=3), row(7)], "lost", 3, id="a gap after a range"),
        pytest.param([row(0), row(0, id=2)], "settled_twice", 1, id="two rows for one instant"),
        pytest.param(
            [row(0, state="missed", until=2 * SECOND, count=3), row(2)], "settled_twice", 1, id="a range and a row"
        ),
        pytest.param([row(0, state="running"), row(1, state="pending")], "unsettled", 2, id="left open"),
    ],
)
def test_what_is_lost_doubled_or_open_is_counted(rows: list[Row], field: str, count: int) -> None:
    found = account(rows, EVERY)
    assert getattr(found, field) == count
    assert not found.kept


def test_a_run_that_two_daemons_say_they_settled_was_settled_twice() -> None:
    found = account([row(0)], EVERY, settles=[1, 1])
    assert found.settled_twice == 1
    assert not found.kept


def test_a_damaged_file_breaks_the_promise() -> None:
    assert not account([row(0)], EVERY, integrity="row 3 missing from index").kept


@pytest.mark.parametrize(
    ("rows", "effects", "said"),
    [
        pytest.param([row(0)], [], "succeeded without an effect", id="claimed work that was not done"),
        pytest.param([row(0)], [effect(0), effect(3)], "an effect without a row", id="work nobody asked for"),
        pytest.param([row(0)], [effect(0), effect(0)], "started twice", id="one attempt, two effects"),
        pytest.param([row(0)], [effect(0, attempt=2)], "does not know", id="an attempt that was not recorded"),
        pytest.param(
            [row(0, attempt=2)],
            [effect(0), effect(0, attempt=2)],
            "without having been cut off",
            id="run again for no reason",
        ),
        pytest.param([row(0), replace(row(1), due_at=1_500_000)], [], "never promised", id="off the schedule"),
        pytest.param([row(0, until=2 * SECOND, count=2)], [], "says 2", id="a range that miscounts"),
    ],
)
def test_what_ledger_and_effects_cannot_both_be_is_named(rows: list[Row], effects: list[Effect], said: str) -> None:
    found = account(rows, EVERY, effects)
    assert not found.kept
    assert said in str(found)

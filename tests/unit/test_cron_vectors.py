"""CronExpression against recorded answers: 700 schedules with what they give, 200 texts that must be refused.

Each valid vector states its basis: that independent implementations agree, or whose rule decides where they do not.
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from jarvis.scheduler.cron import CronError, CronExpression

DATA = Path(__file__).parent.parent / "data"


class Vector(NamedTuple):
    expr: str
    tz: str
    start: str
    next: list[str]
    basis: str
    tags: list[str]


VECTORS = [Vector(**json.loads(line)) for line in (DATA / "cron_vectors.jsonl").read_text().splitlines()]
INVALID = [
    json.loads(line) for line in (DATA / "cron_invalid.txt").read_text().splitlines() if not line.startswith("#")
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v.expr} in {v.tz} from {v.start}")
def test_the_instants_that_follow_are_the_recorded_ones(vector: Vector) -> None:
    cron = CronExpression(vector.expr, vector.tz)
    start = datetime.fromisoformat(vector.start)
    found = [cron.next_after(start)]
    while len(found) < len(vector.next):
        found.append(cron.next_after(found[-1]))
    assert [t.isoformat() for t in found] == vector.next
    assert [t.isoformat() for t in cron.between(start, found[-1])] == vector.next
    for earlier, later in pairwise(found):
        assert cron.previous_before(later).isoformat() == earlier.isoformat()


@pytest.mark.parametrize("expr", INVALID, ids=lambda expr: repr(expr[:40]))
def test_what_must_be_refused_is_refused(expr: str) -> None:
    with pytest.raises(CronError) as refusal:
        CronExpression(expr)
    assert 20 < len(str(refusal.value)) < 400


def test_there_are_enough_vectors_and_each_states_its_basis() -> None:
    assert len(VECTORS) >= 500
    assert len(INVALID) >= 150
    assert all(vector.basis and vector.tags is not None for vector in VECTORS)
    assert len({(vector.expr, vector.tz, vector.start) for vector in VECTORS}) == len(VECTORS)
    assert len(set(INVALID)) == len(INVALID)

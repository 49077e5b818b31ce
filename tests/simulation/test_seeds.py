"""Worlds from seeds: whatever happens to the daemons in them, the five promises are kept.

As many as `SIM_SEEDS` says; 200 without it, 2,000 in CI. What breaks one names the command that replays it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.simulation.seed_deliveries import Broken
from tests.simulation.seed_world import live_through

SEEDS = int(os.environ.get("SIM_SEEDS") or ("2000" if os.environ.get("JARVIS_CI") else "200"))
BATCH = 50


def replayed(seed: int) -> Iterator[str]:
    try:
        live_through(seed)
    except Broken as error:
        yield f"seed {seed}: {error}\n    replay it: .venv/bin/python -m tests.simulation.replay {seed}"


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_every_promise_is_kept_in_every_world(first: int) -> None:
    found = [line for seed in range(first, min(first + BATCH, SEEDS)) for line in replayed(seed)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("seed", [1, 5, 8])
def test_the_same_seed_tells_the_same_story(seed: int) -> None:
    one, other = live_through(seed), live_through(seed)
    assert one.story == other.story
    assert one.digest() != live_through(seed + 1).digest()


def test_the_worlds_reach_what_they_are_there_for() -> None:
    story = "\n".join(line for seed in range(100) for line in live_through(seed).story)
    for kind in ("crash", "slow", "step", "sleep", "zone", "other"):
        assert f"!! {kind} in daemon" in story, kind
    for outcome in ("StoreBusy", "was cut off", "missed", "skipped", "cancelled", "timed_out", "failed", "succeeded"):
        assert outcome in story, outcome
    for state in ("sent", "failed", "expired", "unknown"):
        assert re.search(rf"delivery \d+ of run \d+ to \w+ {state}", story), state
    assert "did not answer in time" in story
    assert "is to be sent again" in story
    for status in ("started", "skipped", "filtered", "failed", "unmatched"):
        assert re.search(rf"event \d+ is {status}", story), status


def test_the_worlds_keep_deliveries_back_in_every_way() -> None:
    states = (rf"delivery \d+ of run \d+ to \w+ {state}" for state in ("held", "digested", "grouped", "silenced"))
    whys = ("quiet hours until", "it can wait", "which is the cap", "user: delivery release")
    missing = {*states, *whys, r"delivery \d+ of run None to \w+ sent"}
    for seed in range(600):  # the first of some of them comes late
        story = "\n".join(live_through(seed).story) if missing else ""
        missing = {each for each in missing if not re.search(each, story)}
    assert not missing

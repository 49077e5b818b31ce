"""The wall clock is set while a real daemon works: exactly the promised rows, a recorded fact, nothing run again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.crash.account import Row
from tests.crash.daemons import Daemons
from tests.crash.promised import GRACE, POLICIES, Gap, assert_one_effect_each
from tests.crash.wall import Wall, libfaketime

pytestmark = [pytest.mark.process, pytest.mark.slow]

EVERY = timedelta(minutes=7)  # no step below ends within GRACE of one of these
HALF_HOUR, HOUR, DAY = 1800, 3600, 86_400


@pytest.fixture(params=["libfaketime", "a clock of its own"])
def wall(request: pytest.FixtureRequest, daemons: Daemons) -> Wall:
    return Wall(daemons, libfaketime() if request.param == "libfaketime" else None)


def noted(daemons: Daemons, kind: str, times: int) -> int:
    """Wait for the fact to be recorded for the so manieth time; by how many seconds the clock was set."""
    daemons.until(lambda: len(daemons.absences(kind)) >= times)  # it looks around every 5 s
    facts = daemons.absences(kind)
    assert len(facts) == times
    since, until, detail = facts[-1]
    assert abs(int(detail.removesuffix(" s"))) == round((until - since) / 1e6)
    return int(detail.removesuffix(" s"))


def assert_nothing_runs_again(daemons: Daemons, before: list[Row], probe: str) -> None:
    """A task added now is run, so the daemon has looked; the others' rows are as they were."""
    daemons.add(probe, "--at", "now")  # which wakes the daemon, besides
    daemons.until(lambda: daemons.states(probe) == ["succeeded"])
    assert [row for row in daemons.rows() if row.task in POLICIES] == before


def test_the_clock_set_an_hour_forward_and_back_and_a_day_on_under_each_policy(daemons: Daemons, wall: Wall) -> None:
    # Under libfaketime a command takes 100 ms, and a day brings back a hundred: the other way counts the effects.
    command = () if wall.preload else daemons.mark()
    for policy in POLICIES:
        flags = ("--every", "7m", "--grace", f"{GRACE.seconds}s", "--catch-up", policy)
        daemons.add(policy, *flags, command=command)
    wall.start()
    daemons.until(lambda: daemons.states("alert_eval") == ["succeeded"])  # it has read the clocks once

    def step_forward(seconds: int, times: int) -> None:
        gaps = [Gap.begins(daemons, policy, EVERY) for policy in POLICIES]
        wall.step(seconds)
        assert noted(daemons, "stepped_forward", times) == seconds
        for gap in gaps:
            daemons.until(lambda gap=gap: gap.is_over(daemons), within=30)
            gap.assert_promised(daemons, f"because the clock was set forward (+{seconds} s)")

    step_forward(HOUR, times=1)
    recorded = [row for row in daemons.rows() if row.task in POLICIES]
    wall.step(-HOUR)
    assert_nothing_runs_again(daemons, recorded, "after the step back")
    assert noted(daemons, "stepped_back", 1) == -HOUR
    wall.step(HALF_HOUR)  # the clock passes half of what was recorded for a second time
    assert_nothing_runs_again(daemons, recorded, "in the hour that came twice")
    assert noted(daemons, "stepped_forward", 2) == HALF_HOUR
    step_forward(DAY, times=3)
    if command:
        assert_one_effect_each(daemons)
    assert daemons.stop() == [0]

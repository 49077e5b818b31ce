"""The lease is renewed while something runs, whatever else is busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from jarvis.scheduler.lease import LeaseKeeper

SOON = 0.001  # seconds between renewals
PATIENCE = 10  # seconds until a test gives up


class Renewals:
    def __init__(self) -> None:
        self.count = 0
        self.failing = False
        self._some = threading.Condition()

    def __call__(self) -> None:
        with self._some:
            self.count += 1
            self._some.notify_all()
        if self.failing:
            raise OSError("the store is locked")

    def more(self, than: int) -> bool:
        with self._some:
            return self._some.wait_for(lambda: self.count > than, PATIENCE)


@pytest.fixture
def renewals() -> Renewals:
    return Renewals()


@pytest.fixture
def keeper(renewals: Renewals) -> Iterator[LeaseKeeper]:
    made = LeaseKeeper(renewals, SOON)
    yield made
    made.close()


def test_while_something_runs_the_lease_is_renewed_again_and_again(keeper: LeaseKeeper, renewals: Renewals) -> None:
    keeper.hold()
    assert renewals.more(than=3)


def test_a_renewal_that_failed_is_not_the_last(keeper: LeaseKeeper, renewals: Renewals) -> None:
    renewals.failing = True
    keeper.hold()
    assert renewals.more(than=2)


def test_nothing_is_renewed_before_something_runs_or_after_the_end(keeper: LeaseKeeper, renewals: Renewals) -> None:
    assert renewals.count == 0
    keeper.hold()
    assert renewals.more(than=0)
    keeper.close()
    count = renewals.count
    keeper.close()
    assert renewals.count == count


def test_it_renews_again_when_something_runs_after_a_rest(keeper: LeaseKeeper, renewals: Renewals) -> None:
    for _ in range(5):
        keeper.hold()
        seen = renewals.count
        assert renewals.more(than=seen)
        keeper.rest()

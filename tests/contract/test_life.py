"""Who is believed to live: a pipe proves it on this machine, a lease stands in for it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.model import LEASE, Instance

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    made = MemoryStore(str(tmp_path / "memory.db"))
    yield made
    made.close()


def elsewhere(store: MemoryStore) -> Instance:
    """An owner that entered under another host name, and whose pipe nobody here can see read."""
    owner = store.instances.register(NOW)
    store.instances.abandon(owner.id)
    store.database.change("UPDATE instances SET host = 'elsewhere' WHERE id = ?", (owner.id,))
    return store.instances.get(owner.id)


def test_an_owner_on_this_machine_lives_long_after_its_lease_ran_out(store: MemoryStore) -> None:
    owner = store.instances.register(NOW)
    assert store.instances.alive(owner, NOW + 365 * DAY)
    store.instances.sign_off(owner.id, NOW)


def test_a_dead_owner_on_this_machine_is_dead_at_once(store: MemoryStore) -> None:
    owner = store.instances.register(NOW)
    store.instances.abandon(owner.id)
    assert not store.instances.alive(owner, NOW)


def test_an_owner_elsewhere_is_believed_as_long_as_its_lease_lasts(store: MemoryStore) -> None:
    owner = elsewhere(store)
    assert store.instances.alive(owner, NOW + LEASE - MOMENT)
    assert not store.instances.alive(owner, NOW + LEASE)


def test_a_heartbeat_renews_the_lease(store: MemoryStore) -> None:
    owner = elsewhere(store)
    store.instances.heartbeat(owner.id, NOW + DAY)
    assert store.instances.alive(store.instances.get(owner.id), NOW + DAY + LEASE - MOMENT)


def test_an_owner_elsewhere_whose_pipe_is_read_here_needs_no_lease(store: MemoryStore) -> None:
    """A container of its own on this machine, or a machine renamed while the daemon runs."""
    owner = store.instances.register(NOW)
    store.database.change("UPDATE instances SET host = 'elsewhere' WHERE id = ?", (owner.id,))
    assert store.instances.alive(store.instances.get(owner.id), NOW + DAY)
    store.instances.sign_off(owner.id, NOW)

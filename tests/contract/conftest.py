"""Every kind of store: what a contract test is run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStore]:
    made = MemoryStore() if request.param == "memory" else MemoryStore(str(tmp_path / "memory.db"))
    yield made
    made.close()

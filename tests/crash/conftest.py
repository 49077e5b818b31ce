"""What the tests of real daemons share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.daemons import Daemons


@pytest.fixture
def daemons(home: Path, eventually: Callable[..., None]) -> Iterator[Daemons]:
    """Daemons on a home of the test's own; those it leaves are killed."""
    made = Daemons(home, eventually)
    yield made
    made.close()

"""What a test gets: a home of its own, repeatable Hypothesis, and a check that nothing is left behind."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import Phase, settings

if TYPE_CHECKING:
    from tests.peers.servers import HttpPeer, MailPeer

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None, max_examples=2_000)
# For `make mutants`: that a test fails is all it asks, so nothing is made smaller.
settings.register_profile(
    "mutation", derandomize=True, deadline=None, database=None, max_examples=30, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

OURS = ("JARVIS_", "DAEMON_", "SCHEDULER_", "WEBHOOK_", "IMESSAGE_")
LEAK_PATIENCE = 10.0  # seconds: on a machine that stands still for a moment an end takes that much longer

Eventually = Callable[..., None]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty JARVIS_HOME; settings of the person who runs the tests do not leak in."""
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("JARVIS_HOME", str(folder))
    return folder


@pytest.fixture
def eventually() -> Eventually:
    """Wait for a fact that another process makes true: `eventually(lambda: path.exists(), within=5)`.

    For real processes only, which cannot tell us; inside one process wait on the event itself.
    """

    def wait(fact: Callable[[], object], within: float = 30.0, every: float = 0.02) -> None:
        deadline = time.monotonic() + within
        while not fact():
            if time.monotonic() > deadline:
                pytest.fail(f"not true within {within} s: {fact}", pytrace=True)
            time.sleep(every)  # noqa: TID251 - the one sleep in the tests, bounded by its deadline

    return wait


@pytest.fixture
def http_peer() -> Iterator[HttpPeer]:
    """A web server to deliver to."""
    from tests.peers.servers import HttpPeer

    made = HttpPeer().open()
    yield made
    made.close()


@pytest.fixture
def mail_peer() -> Iterator[MailPeer]:
    """A mail server to deliver to."""
    from tests.peers.servers import MailPeer

    made = MailPeer().open()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process behind."""
    threads, children = set(threading.enumerate()), child_processes()
    yield
    if evaluation := sys.modules.get("jarvis.expressions.evaluation"):
        evaluation.end_idle()  # it keeps a process for the next evaluation on purpose
    deadline = time.monotonic() + LEAK_PATIENCE
    for thread in set(threading.enumerate()) - threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in set(threading.enumerate()) - threads]
    assert not left, f"threads left running: {left}"
    orphans = {pid: described(pid) for pid in child_processes() - children}
    assert not orphans, f"child processes left: {orphans}"


def child_processes() -> set[int]:
    try:
        return {
            int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
        }
    except OSError:  # not Linux, or a kernel without that file: the slower way
        return {child.pid for child in psutil.Process().children()}


def described(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return f"{process.status()}: {' '.join(process.cmdline())}"
    except psutil.Error:
        return "just gone, never waited for"

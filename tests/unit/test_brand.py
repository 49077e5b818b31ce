"""A brand is inherited whatever a process does, says whose it is, and is nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jarvis.handlers.brand import Brand
from tests.conftest import Eventually

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="brands are a limit that only Linux has"),
]


@contextmanager
def running(brand: Brand | None) -> Iterator[int]:
    process = subprocess.Popen(["sleep", "1000"])
    try:
        if brand:
            brand.put_on(process.pid)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_a_brand_is_known_by_its_own_and_by_its_owner_and_by_no_other() -> None:
    with running(Brand("owner", 7)) as pid:
        found = [Brand("owner", 7), Brand("owner", 8), Brand("other", 7), Brand("owner"), Brand("other")]
        assert [each.carried_by(pid) for each in found] == [True, False, False, True, False]


def test_a_process_of_an_owner_is_taken_for_none_of_its_runs() -> None:
    with running(Brand.of_process("owner", 7)) as pid:
        assert not Brand("owner", 7).carried_by(pid)
        assert Brand("owner").carried_by(pid)
        assert Brand.of_process("owner", 7).carried_by(pid)


def test_what_is_not_branded_carries_none() -> None:
    with running(None) as pid:
        assert not Brand("owner").carried_by(pid)
    assert not Brand("owner").carried_by(os.getpid())
    assert not Brand("owner").carried_by(2**22 + 1)  # above every number that Linux gives


LOWER = """
import resource, subprocess
from jarvis.handlers.brand import Brand
resource.setrlimit(resource.RLIMIT_RTTIME, (1000, 1000))
process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
Brand("owner", 7).put_on(process.pid)
print(resource.prlimit(process.pid, resource.RLIMIT_RTTIME))
process.communicate()
"""


def test_where_somebody_set_a_lower_limit_it_stays() -> None:
    shown = subprocess.run([sys.executable, "-c", LOWER], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "(1000, 1000)"


def test_a_process_that_is_gone_cannot_be_branded_and_that_is_no_error() -> None:
    with running(None) as pid:
        pass
    Brand("owner", 7).put_on(pid)
    assert not Brand("owner", 7).carried_by(pid)


def test_what_it_forks_carries_it_without_session_parent_and_environment(
    tmp_path: Path, eventually: Eventually
) -> None:
    go, written = tmp_path / "go", tmp_path / "pid"
    os.mkfifo(go)
    script = f"read x < {go}; (env -i setsid sh -c 'echo $$ > {written}.new; mv {written}.new {written}; sleep 1000' &)"
    leader = subprocess.Popen(["sh", "-c", script])
    Brand("owner", 7).put_on(leader.pid)
    go.write_text("go\n")
    leader.wait()
    eventually(written.exists)
    hidden = int(written.read_text())
    try:
        assert Brand("owner", 7).carried_by(hidden)
    finally:
        os.killpg(hidden, signal.SIGKILL)

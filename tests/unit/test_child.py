"""Children started by posix_spawn and by `subprocess`: the same to whoever runs a command."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jarvis.handlers import child
from jarvis.handlers.child import Child, start

ENV = {"PATH": "/usr/bin:/bin", "SAID": "yes"}
Start = Callable[..., Child]


@pytest.fixture(params=["posix_spawn", "subprocess"])
def begin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a child, and leaves no descriptor of it."""
    if request.param == "subprocess":
        monkeypatch.setattr(child, "_SPAWNS", False)
    elif sys.platform != "linux":
        pytest.skip("posix_spawn is used on Linux alone")
    begun = list[Child]()

    def starts(*command: str, env: dict[str, str] = ENV, stdin: int | None = None) -> Child:
        begun.append(start(command, env, None, stdin))
        return begun[-1]

    yield starts
    for each in begun:
        each.wait()
        os.close(each.output)


def output(made: Child) -> str:
    """All it writes, once it has ended."""
    os.set_blocking(made.output, True)
    text = b""
    while chunk := os.read(made.output, 65_536):
        text += chunk
    return text.decode()


def test_it_has_a_session_of_its_own_its_environment_and_one_stream_of_output(begin: Start) -> None:
    made = begin("sh", "-c", "echo out $SAID; echo err >&2; cat; ps -o sid= -p $$")
    assert output(made).split() == ["out", "yes", "err", str(made.pid)]
    assert (made.wait(), made.wait()) == (0, 0)


def test_it_reads_what_it_is_given(begin: Start, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("given")
    with (tmp_path / "text").open() as file:
        made = begin("cat", stdin=file.fileno())
        assert output(made) == "given"


@pytest.mark.parametrize(("how", "code"), [("exit 7", 7), ("kill -9 $$", -9)])
def test_how_it_ended(begin: Start, how: str, code: int) -> None:
    assert begin("sh", "-c", how).wait() == code


def test_a_program_is_looked_for_on_the_path_it_is_given_and_not_on_ours(begin: Start, tmp_path: Path) -> None:
    (tmp_path / "a" / "tool").mkdir(parents=True)  # a folder is no program
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "tool").write_text("#!/bin/sh\necho found\n")
    (tmp_path / "b" / "tool").chmod(0o755)
    env = {"PATH": f"{tmp_path}/a:{tmp_path}/b"}
    assert output(begin("tool", env=env)) == "found\n"
    with pytest.raises(FileNotFoundError):
        begin("sh", env={"PATH": str(tmp_path)})


def test_what_cannot_be_started_says_why(begin: Start, tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("#!/bin/sh\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "empty").chmod(0o755)
    for program, error in [("closed", PermissionError), ("gone", FileNotFoundError), ("empty", OSError)]:
        with pytest.raises(error):
            begin(str(tmp_path / program))
    with pytest.raises(PermissionError):
        begin("closed", env={"PATH": str(tmp_path)})


def test_a_write_to_nobody_ends_it_as_the_shell_expects(begin: Start) -> None:
    made = begin("sh", "-c", "yes | head -n 1 >/dev/null; kill -s PIPE $$; echo still here")
    assert (output(made), made.wait()) == ("", -signal.SIGPIPE)


def test_it_gets_nothing_that_is_open_here(begin: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # as if a service manager had given it to us
    child._keep_to_ourselves.cache_clear()
    try:
        listed = output(begin(sys.executable, "-c", "import os; print(*os.listdir('/dev/fd'))")).split()
        assert str(writing) not in listed
        assert len(listed) <= 4  # the three streams and the listing
    finally:
        os.close(reading)
        os.close(writing)


def test_polling_leaves_no_zombie_and_no_wrong_code(begin: Start) -> None:
    made = begin("sh", "-c", "read line; exit 3", stdin=None)
    output(made)  # until it has ended
    while os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        pass
    made.poll()
    with pytest.raises(ChildProcessError):
        os.waitpid(made.pid, os.WNOHANG)
    assert made.wait() == 3

"""What a command starts as, and what its start must not do to others."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from jarvis.handlers.child import Child

ENV = {"PATH": "/usr/bin:/bin", "SAID": "yes"}
Start = Callable[..., Child]
LEASE = 30.0  # seconds: less than the system leaves to a lease


@pytest.fixture
def begin() -> Iterator[Start]:
    """Starts a child, and leaves no descriptor of it."""
    begun = list[Child]()

    def starts(*command: str, env: dict[str, str] = ENV, cwd: Path | None = None, stdin: int | None = None) -> Child:
        begun.append(Child(command, env, cwd, stdin))
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


@pytest.mark.parametrize(("program", "path"), [("./tool", "/bin"), ("tool", "."), ("tool", "/gone:here/..")])
def test_it_starts_in_the_folder_it_is_given(begin: Start, tmp_path: Path, program: str, path: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "tool").write_text("#!/bin/sh\npwd -P\n")
    (tmp_path / "tool").chmod(0o755)
    made = begin(program, env={"PATH": path}, cwd=tmp_path)
    assert output(made).strip() == str(tmp_path.resolve())
    with pytest.raises(FileNotFoundError):
        begin("/bin/sh", cwd=tmp_path / "gone")


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


def test_it_gets_nothing_that_is_open_here(begin: Start) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # as if a service manager had given it to us
    try:
        listed = output(begin(sys.executable, "-c", "import os; print(*os.listdir('/dev/fd'))")).split()
        assert str(writing) not in listed
        assert len(listed) <= 4  # the three streams and the listing
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info < (3, 11, 6),
    reason="leases are Linux's; older ones keep the interpreter",
)
def test_a_file_that_is_slow_to_open_holds_up_no_other_thread_and_no_other_commands_output(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as beside, opened_slowly(tmp_path / "slow") as (program, asked):
        reading, writing = os.pipe()
        begun = time.monotonic()
        made = beside.submit(Child, [program], ENV, None, None)
        assert select.select([asked], [], [], LEASE)[0]
        os.close(writing)
        assert select.select([reading], [], [], LEASE)[0], "the child that waits for its file still holds the pipe"
        assert time.monotonic() - begun < LEASE, "no thread could go on before the child had its file"
        assert not made.done()
    assert (output(made.result()), made.result().wait()) == ("ran\n", 0)
    os.close(made.result().output)
    os.close(reading)


@contextmanager
def opened_slowly(file: Path) -> Iterator[tuple[str, int]]:
    """A program that nobody can open in here, by a lease (fcntl(2)); and what turns readable when somebody tries to."""
    file.write_text("#!/bin/sh\necho ran\n")
    file.chmod(0o755)
    asked, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.signal(signal.SIGIO, lambda *_: None), signal.set_wakeup_fd(told)
    try:
        with file.open() as lent:
            fcntl.fcntl(lent, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            yield str(file), asked
    finally:
        signal.set_wakeup_fd(before[1])
        signal.signal(signal.SIGIO, before[0])
        os.close(asked)
        os.close(told)


def test_polling_leaves_no_zombie_and_no_wrong_code(begin: Start) -> None:
    made = begin("sh", "-c", "read line; exit 3", stdin=None)
    output(made)  # until it has ended
    while os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        pass
    made.poll()
    with pytest.raises(ChildProcessError):
        os.waitpid(made.pid, os.WNOHANG)
    assert made.wait() == 3

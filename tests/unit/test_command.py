"""The command handler with real processes: how a command ends is how its run ends."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jarvis.errors import UsageError
from jarvis.handlers import processes, processtable
from jarvis.handlers.brand import Brand
from jarvis.handlers.command import check_params, command
from jarvis.scheduler.model import Event, Result, RunState, Upstream
from jarvis.scheduler.output import Output
from jarvis.scheduler.ports import Context
from tests.contexts import a_context, lives, seconds_from_now, seconds_once

pytestmark = pytest.mark.process

run = command()
SHOW_ARGUMENTS = "import json, os, sys; sys.stdout.write(json.dumps(sys.argv[1:]))"
SHOW_ENVIRONMENT = "import json, os, sys; sys.stdout.write(json.dumps(dict(os.environ)))"


def python(program: str, *arguments: str, **params: Any) -> Result:
    return run(a_context(sys.executable, "-c", program, *arguments, **params))


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


# ---------------------------------------------------------------------------- how it ends


def test_exit_code_zero_succeeds() -> None:
    result = run(a_context("echo", "hi"))
    assert result == Result(data={"exit_code": 0}, output=b"hi\n", output_total=3)


def test_another_exit_code_fails_and_is_named() -> None:
    result = run(a_context("sh", "-c", "echo no; exit 3"))
    assert (result.state, result.reason, result.data) == (RunState.FAILED, "exit code 3", {"exit_code": 3})
    assert result.output == b"no\n"


@pytest.mark.parametrize(
    ("number", "name"), [("SEGV", "SIGSEGV"), ("KILL", "SIGKILL"), ("TERM", "SIGTERM"), ("40", "signal 40")]
)
def test_a_command_killed_by_a_signal_fails_and_the_signal_is_named(number: str, name: str) -> None:
    result = run(a_context("sh", "-c", f"kill -{number} $$"))
    assert (result.state, result.reason, result.data) == (RunState.FAILED, f"killed by {name}", {"signal": name})


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("no-such-program-anywhere", "'no-such-program-anywhere' is not in any folder of PATH"),
        ("/no/such/program", "'/no/such/program' does not exist"),
        ("/etc/passwd", "'/etc/passwd' may not be started"),
        ("/etc", "'/etc' may not be started"),
    ],
)
def test_a_program_that_cannot_be_started_fails_and_is_named(argument: str, reason: str) -> None:
    result = run(a_context(argument))
    assert result.state is RunState.FAILED
    assert result.reason.startswith(reason)


def test_a_script_whose_interpreter_is_missing_is_told_from_a_missing_script(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert "interpreter named in its first line" in run(a_context(str(script))).reason


def test_a_program_without_a_format_the_system_knows_fails(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo hi\n")
    script.chmod(0o755)
    result = run(a_context(str(script)))
    assert (result.state, result.reason) == (
        RunState.FAILED,
        f"{str(script)!r} could not be started: Exec format error",
    )


def test_more_arguments_than_the_system_takes_fail() -> None:
    result = run(a_context("true", "x" * 5_000_000))
    assert result.reason == "'true' could not be started: Argument list too long"


@pytest.mark.parametrize("cwd", ["/no/such/folder", "/etc/passwd", "~/no/such/folder/either"])
def test_a_folder_that_is_none_fails_and_is_named(cwd: str) -> None:
    result = run(a_context("true", cwd=cwd))
    assert (result.state, result.reason) == (RunState.FAILED, f"cwd {str(Path(cwd).expanduser())!r} is not a folder")


def test_params_that_make_no_sense_fail_without_anything_being_started() -> None:
    result = run(a_context("true", cwd=3))
    assert (result.state, result.reason.startswith("cwd is 3")) == (RunState.FAILED, True)


def test_no_descriptor_is_left_open_however_it_ends() -> None:
    run(a_context("true"))
    before = descriptors()
    for context in (
        a_context("true", stdin="x"),
        a_context("no-such-program-anywhere", stdin="x"),
        a_context("false"),
        a_context("sleep", "100", remaining=seconds_from_now(0.05)),
        a_context("sh", "-c", "sleep 100 &"),
    ):
        run(context)
    assert descriptors() == before


# ---------------------------------------------------------------------------- what it is given


@pytest.mark.parametrize(
    "argument",
    ["", " ", "two words", "'", '"', "a\nb", "--help", "-", "$HOME `id` $(id)", "*", "\\", "ü€\u2028", "\x01\x7f"],
)
def test_an_argument_arrives_as_it_was_written(argument: str) -> None:
    assert json.loads(python(SHOW_ARGUMENTS, argument, "--", argument).output) == [argument, "--", argument]


def test_an_argument_that_is_no_utf_8_arrives_too() -> None:
    assert run(a_context("printf", "%s", "a\udcffb")).output == b"a\xffb"


def test_stdin_is_empty_unless_given() -> None:
    assert run(a_context("cat")).output == b""


@pytest.mark.parametrize("text", ["", "one line\n", "\0 and ü", "x" * 1_000_000])
def test_stdin_is_the_text_given(text: str) -> None:
    assert run(a_context("cat", stdin=text)).output == text.encode()


def test_stdin_is_what_started_the_run_unless_a_text_is_given() -> None:
    payload = {"ref": "main", "ü": [1, None]}
    at = datetime(2026, 3, 4, tzinfo=UTC)
    event = Event(id=5, source="github", event_type="push", payload=payload, received_at=at, count=2)
    context = msgspec.structs.replace(a_context("cat"), event=event)
    assert json.loads(run(context).output) == {
        "id": 5, "source": "github", "event_type": "push", "payload": payload, "received_at": "2026-03-04T00:00:00Z",
        "count": 2,
    }  # fmt: skip
    own = msgspec.structs.replace(a_context("cat", stdin="mine"), event=event)
    assert run(own).output == b"mine"
    upstream = Upstream(
        run_id=3, task="build", state=RunState.FAILED, reason="no", due_at=at, finished_at=at, data=[1], output="hi"
    )
    chained = msgspec.structs.replace(a_context("cat"), upstream=upstream)
    given = json.loads(run(chained).output)
    assert (given["run_id"], given["task"], given["state"], given["output"]) == (3, "build", "failed", "hi")


def test_stdin_that_nobody_reads_hurts_nothing() -> None:
    assert run(a_context("true", stdin="x" * 1_000_000)).state is RunState.SUCCEEDED


def test_the_folder_is_the_one_given(tmp_path: Path) -> None:
    assert run(a_context("pwd", "-P", cwd=str(tmp_path))).output.decode().strip() == str(tmp_path.resolve())


def test_env_is_added_to_the_daemon_s_and_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "kept")
    monkeypatch.setenv("CHANGED", "before")
    seen = json.loads(python(SHOW_ENVIRONMENT, env={"CHANGED": "after = ü", "NEW": ""}).output)
    assert (seen["KEPT"], seen["CHANGED"], seen["NEW"]) == ("kept", "after = ü", "")


def test_a_program_is_looked_for_on_the_path_of_the_task(tmp_path: Path) -> None:
    script = tmp_path / "only-here"
    script.write_text("#!/bin/sh\necho found\n")
    script.chmod(0o755)
    assert run(a_context("only-here", env={"PATH": str(tmp_path)})).output == b"found\n"


def test_the_environment_says_which_run_this_is() -> None:
    seen = json.loads(python(SHOW_ENVIRONMENT, owner_mark="host:1:abc").output)
    assert {name: value for name, value in seen.items() if name in processes_names()} == {
        "JARVIS_TASK": "a task",
        "JARVIS_RUN_ID": "7",
        "JARVIS_OCCURRENCE": "3:2026-03-04T05:06:07+00:00",
        "JARVIS_DUE_AT": "2026-03-04T05:06:07+00:00",
        "JARVIS_ATTEMPT": "2",
        "JARVIS_OWNER": "host:1:abc",
    }


def processes_names() -> set[str]:
    return {"JARVIS_TASK", "JARVIS_RUN_ID", "JARVIS_OCCURRENCE", "JARVIS_DUE_AT", "JARVIS_ATTEMPT", "JARVIS_OWNER"}


def test_without_an_owner_every_run_has_a_mark_of_its_own() -> None:
    marks = {json.loads(python(SHOW_ENVIRONMENT, owner_mark="").output)["JARVIS_OWNER"] for _ in range(2)}
    assert len(marks) == 2


def test_what_systemd_tells_the_daemon_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    assert "NOTIFY_SOCKET" not in json.loads(python(SHOW_ENVIRONMENT).output)


def test_it_leads_a_session_and_a_group_of_its_own() -> None:
    pid, group, session = json.loads(
        python("import json, os; print(json.dumps([os.getpid(), os.getpgid(0), os.getsid(0)]))").output
    )
    assert pid == group == session


def test_it_inherits_no_descriptor_of_the_daemon() -> None:
    with tempfile.TemporaryFile() as file:
        os.set_inheritable(file.fileno(), True)
        assert run(a_context("sh", "-c", f"true <&{file.fileno()}")).state is RunState.FAILED


def test_what_env_holds_is_never_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = {"TOKEN": "hunter2"}
    for context in (
        a_context("false", env=secret),
        a_context("no-such-program-anywhere", env=secret),
        a_context("true", env=secret, cwd="/no/such/folder"),
        a_context("true", env=secret | {"X": ["hunter2"]}),
        a_context("true", env=secret | {"X": "hunter2\0"}),
        a_context("sleep", "100", env=secret, remaining=seconds_from_now(0.05)),
    ):
        assert "hunter2" not in run(context).reason
    assert "hunter2" not in caplog.text


# ---------------------------------------------------------------------------- its output


def test_both_streams_come_as_one_in_the_order_they_were_written() -> None:
    assert run(a_context("sh", "-c", "echo 1; echo 2 >&2; echo 3")).output == b"1\n2\n3\n"


def test_output_that_is_no_text_is_kept() -> None:
    result = python("import sys; sys.stdout.buffer.write(bytes(range(256)))")
    assert (result.output, result.output_total) == (bytes(range(256)), 256)


def test_of_a_big_output_the_ends_are_kept_and_all_is_counted() -> None:
    program = "import sys; w = sys.stdout.buffer.write; w(b'first'); w(bytes(5_000_000)); w(b'last')"
    result = run(a_context(sys.executable, "-c", program, output=Output(1000)))
    assert result.output_total == 5_000_009
    assert result.output.startswith(b"first" + bytes(495) + b"\n[... 4999009 bytes left out ...]\n")
    assert result.output.endswith(b"\n" + bytes(496) + b"last")


def test_memory_is_bounded_whatever_is_printed() -> None:
    tracemalloc.start()
    try:
        result = run(a_context("head", "-c", "300000000", "/dev/zero"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.output_total == 300_000_000
    assert peak < 6_000_000


def test_a_command_that_closes_its_output_early_is_waited_for() -> None:
    program = "import os, sys; os.write(1, b'x'); os.close(1); os.close(2); os.popen('exit 0').close(); os._exit(5)"
    result = python(program)
    assert (result.reason, result.output) == ("exit code 5", b"x")


# ---------------------------------------------------------------------------- deadline and cancelling


def test_at_the_deadline_it_is_ended_and_the_run_timed_out(tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = f"echo > {started}; exec sleep 100"
    result = run(a_context("sh", "-c", script, remaining=seconds_once(started.exists)))
    assert (result.state, result.reason, result.data) == (
        RunState.TIMED_OUT,
        "timed out after 1m; ended by SIGTERM",
        {"signal": "SIGTERM"},
    )


def test_what_it_prints_while_it_is_ended_is_kept() -> None:
    # More than a pipe holds: it could not end if nobody read on.
    script = "trap 'head -c 300000 /dev/zero; echo bye; exit 9' TERM; echo ready; while :; do sleep 0.01; done"
    output = Output()
    result = run(a_context("sh", "-c", script, output=output, remaining=seconds_once(lambda: output.total)))
    assert (result.state, result.data) == (RunState.TIMED_OUT, {"exit_code": 9})
    assert result.output.endswith(b"bye\n")


def test_when_it_is_cancelled_it_is_ended_and_says_so(tmp_path: Path) -> None:
    started = tmp_path / "started"
    result = run(a_context("sh", "-c", f"echo > {started}; sleep 100", stopping=started.exists))
    assert (result.state, result.reason) == (RunState.CANCELLED, "cancelled; ended by SIGTERM")


def test_what_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = f"trap '' TERM; echo > {started}; while :; do sleep 0.1; done"
    begun = time.monotonic()
    result = command(kill_grace=timedelta(seconds=0.3))(
        a_context("sh", "-c", script, remaining=seconds_once(started.exists))
    )
    assert (result.state, result.data) == (RunState.TIMED_OUT, {"signal": "SIGKILL"})
    assert result.reason.endswith("; ended by SIGKILL")
    assert 0.3 <= time.monotonic() - begun < 5


def test_a_stopped_command_is_ended_without_waiting_for_the_grace(tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    script = f"echo > {stopped}; kill -STOP $$; sleep 100"
    begun = time.monotonic()
    result = command(kill_grace=timedelta(seconds=60))(
        a_context("sh", "-c", script, remaining=seconds_once(stopped.exists, 0.1))
    )
    assert result.reason.endswith("; ended by SIGTERM")
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("remaining", "stopping", "state"), [(-1.0, False, RunState.TIMED_OUT), (9.0, True, RunState.CANCELLED)]
)
def test_with_no_time_left_nothing_is_started(
    remaining: float, stopping: bool, state: RunState, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    result = run(a_context("touch", str(touched), remaining=lambda: remaining, stopping=lambda: stopping))
    assert (result.state, touched.exists()) == (state, False)


def test_an_end_in_time_counts_even_if_we_were_held_up_past_the_deadline() -> None:
    def remaining() -> float:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)  # it ends while we are held up
        except ChildProcessError:
            return 60.0  # it was not started yet
        return -1.0

    result = run(a_context("true", remaining=remaining))
    assert result.state is RunState.SUCCEEDED


def test_a_fault_of_ours_leaves_no_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def stopping() -> bool:
        if _told(pid):
            raise RuntimeError("made up")
        return False

    with pytest.raises(RuntimeError, match="made up"):
        run(a_context("sh", "-c", f"echo $$ > {pid}; sleep 100", stopping=stopping))
    assert not lives(int(pid.read_text()))


def _told(pid: Path) -> bool:
    return pid.exists() and pid.read_text().endswith("\n")


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_what_cannot_be_ended_makes_the_run_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    monkeypatch.setattr(processes, "CONFIRM", 0.05)
    with monkeypatch.context() as patched:  # as if every signal were refused, or it hung in the kernel
        patched.setattr(processes, "send", lambda process, number: None)
        patched.setattr(processes, "_kill_group", lambda leader, number: None)
        result = command(kill_grace=timedelta(seconds=0.05))(
            a_context("sh", "-c", f"echo $$ > {pid}; exec sleep 100", remaining=seconds_once(lambda: _told(pid)))
        )
    started = int(pid.read_text())
    assert result.state is RunState.UNKNOWN
    assert f"cannot be confirmed to have ended: pid {started} still there" in result.reason
    os.killpg(started, signal.SIGKILL)
    os.waitpid(started, 0)
    subprocess._cleanup()  # type: ignore[attr-defined]  # what it keeps of processes nobody waited for


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_when_nobody_can_be_looked_for_it_is_killed_and_the_run_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_descriptors() -> dict[int, processtable.Process]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(processes, "table", no_descriptors)
    script, output = "echo $$; exec sleep 100", Output()
    result = run(a_context("sh", "-c", script, output=output, remaining=seconds_once(lambda: output.total)))
    assert result.state is RunState.UNKNOWN
    assert "the process table cannot be read (Too many open files)" in result.reason
    monkeypatch.undo()
    with contextlib.suppress(ChildProcessError):  # Popen may have waited for it already
        os.waitpid(int(result.output), 0)
    assert not lives(int(result.output))


# ---------------------------------------------------------------------------- what it leaves behind


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left behind and obeys SIGTERM has the time for it, whatever else the machine does."""
    monkeypatch.setattr("jarvis.handlers.command._LEFTOVER_GRACE", 30.0)


@pytest.mark.usefixtures("patient")
def test_a_child_that_holds_the_output_does_not_hang_the_run(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    result = run(a_context("sh", "-c", f"sleep 100 & echo $! > {pid}; echo done"))
    assert (result.state, result.reason) == (RunState.SUCCEEDED, "ended 1 process it left behind (SIGTERM)")
    assert (result.data, result.output) == ({"exit_code": 0, "left_behind": 1}, b"done\n")
    assert not lives(int(pid.read_text()))


@pytest.mark.usefixtures("patient")
def test_a_child_that_stays_in_the_group_is_ended_though_it_closed_the_output(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    result = run(a_context("sh", "-c", f"sleep 100 > /dev/null 2>&1 & echo $! > {pid}; exit 4"))
    assert (result.state, result.reason) == (
        RunState.FAILED,
        "exit code 4; ended 1 process it left behind (SIGTERM)",
    )
    assert not lives(int(pid.read_text()))


def test_a_child_that_floods_the_output_for_ever_does_not_hang_the_run() -> None:
    result = run(a_context("sh", "-c", "trap '' TERM; yes & exit 0"))
    assert (result.state, result.reason) == (RunState.SUCCEEDED, "ended 1 process it left behind (SIGKILL)")


def test_a_service_that_left_the_group_and_the_output_is_let_be(tmp_path: Path) -> None:
    pid, mark = tmp_path / "pid", f"host:1:{os.urandom(8).hex()}"
    program = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid(); null = os.open('/dev/null', os.O_RDWR)\n"
        "    [os.dup2(null, each) for each in (0, 1, 2)]\n"
        "    open(sys.argv[1], 'w').write(f'{os.getpid()}\\n')\n"
        "    time.sleep(100)\n"
        "while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read(): pass\n"
    )
    result = python(program, str(pid), owner_mark=mark)
    assert (result.state, result.reason) == (RunState.SUCCEEDED, "")
    assert lives(int(pid.read_text()))
    assert processes.end_marked(mark) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to know when the environment is wiped")
@pytest.mark.parametrize(("code", "state"), [(0, RunState.SUCCEEDED), (1, RunState.UNKNOWN)])
def test_a_holder_of_the_output_that_cannot_be_found_is_said(
    code: int, state: RunState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No parent, no group, no session, no mark: a retry could start beside it, so a failure is not known."""
    monkeypatch.setattr(Brand, "carried_by", lambda *_: False)  # as on systems without brands
    pid = tmp_path / "pid"
    program = (
        "import os, sys\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    open(sys.argv[1], 'w').write(f'{os.getpid()}\\n')\n"
        "    os.execve('/bin/sleep', ['sleep', '100'], {})\n"
        "while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read(): pass\n"
        "while b'sleep' not in open(f'/proc/{int(open(sys.argv[1]).read())}/cmdline', 'rb').read(): pass\n"
        "os._exit(int(sys.argv[2]))\n"
    )
    result = python(program, str(pid), str(code))
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert result.state is state
    assert "not ended: a process that could not be found still holds the output" in result.reason


class StandsStill:
    """The clock of a machine that stands still for ten seconds between any two looks at it."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 10.0
        return self._now


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to know when the environment is wiped")
def test_on_a_machine_that_stood_still_a_holder_of_the_output_has_the_time_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Brand, "carried_by", lambda *_: False)
    monkeypatch.setattr("jarvis.handlers.command.time", StandsStill())
    program = (
        "import os, sys\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os.setsid(); os.execve('/bin/sleep', ['sleep', '0.3'], {})\n"
        "while b'sleep' not in open(f'/proc/{pid}/cmdline', 'rb').read(): pass\n"
        "os._exit(1)\n"
    )
    result = python(program)
    assert (result.state, result.reason) == (RunState.FAILED, "exit code 1")


# ---------------------------------------------------------------------------- many at once


def test_200_quick_commands_over_4_threads_all_succeed() -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: run(a_context("printf", str(n), run_id=n)), range(200)))
    assert [result.output for result in results] == [str(n).encode() for n in range(200)]
    assert {(result.state, result.reason) for result in results} == {(RunState.SUCCEEDED, "")}


# ---------------------------------------------------------------------------- params


@pytest.mark.parametrize(
    "params",
    [
        {"command": ["true"]},
        {"command": ("true", "")},
        {"command": ["true"], "cwd": None, "env": None, "stdin": None},
        {"command": ["true"], "cwd": "~/x", "env": {"A": ""}, "stdin": ""},
    ],
)
def test_params_that_make_sense_pass(params: dict[str, Any]) -> None:
    check_params(params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "command is missing: it must be a list"),
        ({"command": "echo hi"}, "command is the text 'echo hi': .* for a shell write"),
        ({"command": []}, r"command is \[\]: it must be a list"),
        ({"command": {"a": 1}}, "command is {'a': 1}: it must be a list"),
        ({"command": ["a", 1]}, r"command\[1\] is 1: it must be a text"),
        ({"command": [""]}, r"command\[0\] is empty"),
        ({"command": ["a", "b\0c"]}, r"command\[1\] holds a NUL"),
        ({"command": ["a", "\ud800"]}, r"command\[1\] holds a character that has no bytes"),
        ({"command": ["a"], "cwd": "here"}, "cwd is 'here': it must be an absolute folder"),
        ({"command": ["a"], "cwd": ""}, "cwd is '': it must be an absolute folder"),
        ({"command": ["a"], "env": ["A=1"]}, "env is a list: it must be a table of texts"),
        ({"command": ["a"], "env": {"A": 1}}, "env A is a int: it must be a text"),
        ({"command": ["a"], "env": {"A=": "1"}}, "env has the name 'A=': it must not be empty or hold '='"),
        ({"command": ["a"], "env": {"": "1"}}, "env has the name ''"),
        ({"command": ["a"], "env": {"JARVIS_OWNER": "1"}}, "env has the name JARVIS_OWNER: Jarvis sets it"),
        ({"command": ["a"], "stdin": b"x"}, "stdin is a bytes: it must be a text"),
        ({"command": ["a"], "stdn": "x"}, "command has no param 'stdn': .* Did you mean stdin?"),
    ],
)
def test_params_that_make_none_are_refused_with_what_is_allowed(params: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_params(params)


# ---------------------------------------------------------------------------- how much memory it may use


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not hold a process to a limit")
def test_a_command_is_held_to_its_memory_limit() -> None:
    result = run(limited_to_200_mb(sys.executable, "-c", "b'x' * (300 << 20)"))
    assert result.state is RunState.FAILED
    assert b"MemoryError" in result.output


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not hold a process to a limit")
def test_a_memory_limit_is_there_before_the_first_instruction_and_changes_nothing_else() -> None:
    said = run(limited_to_200_mb("sh", "-c", 'ulimit -d; printf "%s|" "$0" "$@"', "a b", "$HOME", "", "'; exit 9"))
    assert (said.state, said.output) == (RunState.SUCCEEDED, b"204800\na b|$HOME||'; exit 9|")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not hold a process to a limit")
@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program", "./not-executable"])
def test_what_cannot_be_started_is_told_the_same_with_a_memory_limit(program: str, tmp_path: Path) -> None:
    (tmp_path / "not-executable").write_text("#!/bin/sh\n")
    held, free = run(limited_to_200_mb(program, cwd=str(tmp_path))), run(a_context(program, cwd=str(tmp_path)))
    assert (held.state, held.reason) == (free.state, free.reason)
    assert held.state is RunState.FAILED


def limited_to_200_mb(*command: str, **params: Any) -> Context:
    return msgspec.structs.replace(a_context(*command, **params), memory_limit=200 << 20)

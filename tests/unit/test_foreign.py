"""Foreign handlers with real worker processes: whatever a handler does, its run says so, and nothing is left."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

import jarvis
from jarvis import app
from jarvis.config import load_config
from jarvis.handlers.foreign import ForeignHandler, log_problems
from jarvis.handlers.frames import LONGEST
from jarvis.handlers.pool import NotStarted, WorkerPool
from jarvis.memory import MemoryStore
from jarvis.scheduler.model import Event, Result, RunState, Upstream
from jarvis.scheduler.ports import Context
from tests.contexts import a_context, lives, seconds_from_now, seconds_once

pytestmark = pytest.mark.process

Run = Callable[..., Result]
LINUX = sys.platform == "linux"
MINE = """
import ctypes, locale, logging, os, signal, subprocess, sys, threading, time
from pathlib import Path
from jarvis import Context, Result, RunState, handler

count = 0

def touch(context):
    Path(context.params["mark"]).write_text(str(os.getpid()))

@handler("pid")
def pid(context): return {"pid": os.getpid()}

@handler("tell")
def tell(context: Context) -> dict:
    return {name: str(getattr(context, name)) for name in
            ("task", "due_at", "now", "run_id", "occurrence_id", "attempt", "event", "upstream", "memory_limit")} | {
        "params": context.params, "remaining": 0 < context.remaining() <= 60, "cancelled": context.cancelled()}

@handler("cause")
def cause(context: Context):
    event, upstream = context.event, context.upstream
    return [event and [event.id, event.source, event.event_type, event.payload, event.received_at.year, event.count],
            upstream and [upstream.run_id, upstream.task, upstream.state == RunState.FAILED, upstream.data]]

@handler("text")
def text(context): return "all is well"

@handler("nothing")
def nothing(context): return None

@handler("no_news")
def no_news(context): return Result(quiet=True)

@handler("result")
def result(context): return Result(state=RunState.FAILED, reason="I say so", data=[1], output=b"of its own")

@handler("unserialisable")
def unserialisable(context): return {"a": object()}

@handler("huge")
def huge(context): return "x" * context.params["size"]

@handler("count")
def counts(context):
    global count
    count += 1
    return {"count": count}

@handler("raises")
def raises(context): raise ValueError("no good")

@handler("exits")
def exits(context): sys.exit(context.params["code"])

@handler("interrupts")
def interrupts(context): raise KeyboardInterrupt

@handler("abort")
def abort(context): os.abort()

@handler("segfault")
def segfault(context): ctypes.string_at(0)

@handler("os._exit")
def os_exit(context): os._exit(3)

@handler("hog")
def hog(context):
    kept = []
    while True: kept.append(bytearray(1 << 20))

@handler("prints")
def prints(context):
    print("out"); print("err", file=sys.stderr); os.system("echo child")
    ctypes.CDLL(None).puts(b"from C")

@handler("floods")
def floods(context):
    block = b"x" * (1 << 20)
    for _ in range(context.params["blocks"]): os.write(1, block)

@handler("logs")
def logs(context):
    for number in range(context.params["times"]): context.logger.warning("number %d", number)

@handler("hang")
def hang(context):
    touch(context)
    while True: pass

@handler("hard")
def hard(context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    touch(context)
    while True:
        try: time.sleep(1000)
        except BaseException: pass

@handler("cleans up")
def cleans_up(context):
    touch(context)
    try: time.sleep(1000)
    finally: print("cleaned up")

@handler("asks")
def asks(context):
    touch(context)
    while not context.cancelled(): time.sleep(0.005)
    print("asked and told")

@handler("children")
def children(context):
    one = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    two = subprocess.run(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True)
    if "mark" in context.params:
        Path(context.params["mark"]).write_text(f"{one.pid} {two.stdout}")
        context.params["then"] == "crash" and os._exit(4)
        time.sleep(1000)
    return {"pids": [one.pid, int(two.stdout)]}

@handler("forks")
def forks(context):
    if os.fork() == 0: return "the child"
    os.wait()
    return "the parent"

@handler("threads")
def threads(context):
    threading.Thread(target=time.sleep, args=(1000,)).start()

@handler("changes")
def changes(context): exec(context.params["code"])

@handler("remembers")
def remembers(context):
    context.memory.facts.put("foreign", "seen", os.getpid(), context.now)
    return str(context.memory.facts.get("foreign", "seen").value == os.getpid())
"""


@pytest.fixture
def folder(home: Path) -> Path:
    """The handler files."""
    made = home / "handlers"
    made.mkdir()
    (made / "mine.py").write_text(MINE)
    return made


@pytest.fixture
def pool(folder: Path) -> Iterator[WorkerPool]:
    made = app.worker_pool(load_config())
    yield made
    made.close()


@pytest.fixture
def run(pool: WorkerPool) -> Run:
    """Carry out one run of a handler, by its name."""

    def carried(name: str, *, limit: int | None = None, grace: float = 30.0, **given: Any) -> Result:
        context = msgspec.structs.replace(a_context(owner_mark="test", **given), memory_limit=limit)
        context.params.pop("command")
        return ForeignHandler(name, pool, timedelta(seconds=grace))(context)

    return carried


# ---------------------------------------------------------------------------- what it is given, what it gives


def test_a_handler_is_told_everything_about_its_run(run: Run) -> None:
    assert run("tell", city="Denver", number=10**30, limit=1 << 30).data == {
        "task": "a task",
        "due_at": "2026-03-04 05:06:07+00:00",
        "now": "2026-03-04 05:06:08+00:00",
        "run_id": "7",
        "occurrence_id": "3:2026-03-04T05:06:07+00:00",
        "attempt": "2",
        "event": "None",
        "upstream": "None",
        "memory_limit": str(1 << 30),
        "params": {"city": "Denver", "number": 10**30},
        "remaining": True,
        "cancelled": False,
    }


def test_a_handler_is_given_what_started_its_run(pool: WorkerPool) -> None:
    at = datetime(2026, 3, 4, tzinfo=UTC)
    event = Event(id=5, source="github", event_type="push", payload={"ref": ["main"]}, received_at=at, count=2)
    upstream = Upstream(
        run_id=3, task="build", state=RunState.FAILED, reason="", due_at=at, finished_at=None, data={"n": 1}
    )
    handler, plain = ForeignHandler("cause", pool), a_context(owner_mark="test")
    plain.params.pop("command")
    started = msgspec.structs.replace(plain, event=event)
    assert handler(started).data == [[5, "github", "push", {"ref": ["main"]}, 2026, 2], None]
    chained = msgspec.structs.replace(plain, upstream=upstream)
    assert handler(chained).data == [None, [3, "build", True, {"n": 1}]]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("nothing", Result()),
        ("text", Result(reason="all is well")),
        ("count", Result(data={"count": 1})),
        ("no_news", Result(quiet=True)),
        ("result", Result(state=RunState.FAILED, reason="I say so", data=[1], output=b"of its own", output_total=10)),
    ],
)
def test_a_handler_ends_its_run_as_it_says(name: str, result: Result, run: Run) -> None:
    assert run(name) == result


def test_the_process_is_warm_for_the_next_run(run: Run) -> None:
    assert [run("count").data for _ in range(3)] == [{"count": 1}, {"count": 2}, {"count": 3}]


def test_what_cannot_be_kept_fails_the_run(run: Run) -> None:
    result = run("unserialisable")
    assert (result.state, result.reason) == (
        RunState.FAILED,
        "what the handler returned cannot be kept: TypeError: Encoding objects of type object is unsupported",
    )


def test_more_than_one_frame_holds_fails_the_run_and_not_the_process(run: Run) -> None:
    before = run("pid").data
    assert "at most" in run("huge", size=LONGEST).reason
    assert run("huge", size=LONGEST - 200).state is RunState.SUCCEEDED
    assert "the params, or what started the run, are too large" in run("text", text="x" * LONGEST).reason
    assert run("text", text="x" * (LONGEST - 500)).state is RunState.SUCCEEDED
    assert run("pid").data == before


def test_output_of_every_kind_is_kept_with_the_run(run: Run) -> None:
    result = run("prints")
    assert sorted(result.output.splitlines()) == [b"child", b"err", b"from C", b"out"]
    assert run("nothing").output == b""


def test_the_store_is_there_for_a_handler_that_asks_for_it(run: Run, home: Path) -> None:
    assert run("remembers").reason == "True"
    store = MemoryStore(str(load_config().database_path))
    fact = store.facts.get("foreign", "seen")
    (change,) = store.facts.history("foreign", "seen")
    store.close()
    assert fact is not None
    assert fact.value != os.getpid()
    assert change.source == fact.source == "task a task, run 7"


def test_a_store_in_memory_is_refused_to_a_handler(run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("JARVIS_DATABASE_URL", "sqlite://")
    pool = app.worker_pool(load_config())
    result = ForeignHandler("remembers", pool)(a_context())
    pool.close()
    assert "the daemon keeps its store in memory" in result.reason


def test_what_a_handler_logs_goes_to_the_daemon_s_log_up_to_a_bound(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run("logs", times=1200)
    said = [record.getMessage() for record in caplog.records if record.name == "test"]
    assert said[:2] == ["number 0", "number 1"]
    assert said[1000:] == ["more than 1000 records of one run: the rest is left out"]


# ---------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("name", "reason", "data"),
    [
        ("abort", "the worker process was ended by SIGABRT", {"signal": "SIGABRT"}),
        ("segfault", "the worker process was ended by SIGSEGV", {"signal": "SIGSEGV"}),
        ("os._exit", "the worker process exited with code 3 before the handler returned", {"exit_code": 3}),
        ("raises", "ValueError: no good", None),
        ("interrupts", "KeyboardInterrupt", None),
    ],
)
def test_a_handler_that_goes_wrong_fails_its_run_and_the_next_one_runs(
    name: str, reason: str, data: Any, run: Run
) -> None:
    result = run(name)
    assert (result.state, result.reason, result.data) == (RunState.FAILED, reason, data)
    assert run("text").reason == "all is well"


def test_a_crash_shows_where_python_was(run: Run) -> None:
    assert b'mine.py", line' in run("segfault").output
    assert b'mine.py", line' in run("raises").output


@pytest.mark.parametrize(("code", "said"), [(0, "0"), (2, "2"), (None, "None"), ("bye", "'bye'")])
def test_leaving_the_program_is_no_way_to_return(code: Any, said: str, run: Run) -> None:
    result = run("exits", code=code)
    assert (result.state, result.reason) == (RunState.FAILED, f"the handler called sys.exit({said})")


@pytest.mark.skipif(not LINUX, reason="elsewhere the daemon watches, which the next test holds")
def test_a_handler_that_uses_too_much_memory_fails(run: Run) -> None:
    result = run("hog", limit=200 << 20)
    assert (result.state, result.reason) == (RunState.FAILED, "used more than 200 MiB")
    assert run("text").reason == "all is well"


def test_where_the_kernel_does_not_hold_it_to_its_limit_the_daemon_does(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvis.handlers.foreign.HELD_BY_KERNEL", False)
    monkeypatch.setattr("jarvis.handlers.foreign.resident", lambda _pid: 300 << 20)
    result = run("cleans up", limit=200 << 20, mark=os.devnull)
    assert (result.state, result.reason) == (RunState.FAILED, "used more than 200 MiB")


def test_a_flood_of_output_is_counted_and_does_not_fill_this_process(run: Run) -> None:
    before = psutil.Process().memory_info().rss
    result = run("floods", blocks=1024)
    assert result.output_total == 1 << 30
    assert len(result.output) < (1 << 20) + 100
    assert psutil.Process().memory_info().rss - before < 64 << 20


def test_a_handler_that_does_not_exist_is_told_with_those_that_do(run: Run) -> None:
    result = run("counts")
    assert result.state is RunState.FAILED
    assert result.reason.startswith("no handler is named 'counts': there are abort, asks, ")
    assert "Did you mean count?" in result.reason


# ---------------------------------------------------------------------------- deadlines


@pytest.mark.parametrize(
    ("name", "by", "grace"), [("hang", "SIGTERM", 30.0), ("cleans up", "SIGTERM", 30.0), ("hard", "SIGKILL", 0.3)]
)
def test_at_the_deadline_it_is_gone_before_the_run_is_over(
    name: str, by: str, grace: float, run: Run, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    result = run(name, grace=grace, mark=str(mark), remaining=seconds_once(_written(mark), 0.1))
    assert result.state is RunState.TIMED_OUT
    assert re.fullmatch(rf"timed out after .*; ended by {by}", result.reason)
    assert not lives(int(mark.read_text()))


@pytest.mark.parametrize(("name", "output"), [("cleans up", b"cleaned up\n"), ("asks", b"asked and told\n")])
def test_a_handler_may_tidy_up_at_its_deadline(name: str, output: bytes, run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    result = run(name, mark=str(mark), remaining=seconds_once(_written(mark), 0.1))
    assert (result.state, result.output) == (RunState.TIMED_OUT, output)


def test_a_cancelled_run_is_ended_in_the_same_way(run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    result = run("hang", mark=str(mark), stopping=_written(mark))
    assert (result.state, result.reason) == (RunState.CANCELLED, "cancelled; ended by SIGTERM")
    assert not lives(int(mark.read_text()))


def test_without_time_nothing_is_started(run: Run) -> None:
    result = run("text", remaining=seconds_from_now(-1))
    assert (result.state, result.reason) == (
        RunState.TIMED_OUT,
        "the handler was not started: no time was left",
    )


def test_while_one_hangs_others_run(pool: WorkerPool, run: Run, tmp_path: Path) -> None:
    mark, ended = tmp_path / "mark", threading.Event()
    outcome: list[Result] = []
    hanging = threading.Thread(target=lambda: outcome.append(run("hang", mark=str(mark), stopping=ended.is_set)))
    hanging.start()
    try:
        results = [run("count") for _ in range(50)]
        assert not outcome
    finally:
        ended.set()
        hanging.join()
    assert [each.data["count"] for each in results] == list(range(1, 51))
    assert outcome[0].state is RunState.CANCELLED


# ---------------------------------------------------------------------------- what it leaves behind


@pytest.mark.skipif(not LINUX, reason="only there orphans come to the process that started them")
def test_processes_left_behind_are_ended_even_those_that_hide(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jarvis.handlers.foreign._LEFTOVER_GRACE", 30.0)
    result = run("children")
    assert (result.state, result.reason) == (RunState.SUCCEEDED, "ended 2 processes it left behind (SIGTERM)")
    assert not any(map(lives, result.data["pids"]))


@pytest.mark.parametrize(("then", "state"), [("crash", RunState.FAILED), ("hang", RunState.TIMED_OUT)])
def test_however_a_run_ends_what_it_started_ends_with_it(then: str, state: RunState, run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    result = run("children", mark=str(mark), then=then, remaining=seconds_once(_written(mark), 1))
    assert result.state is state, result.reason
    assert not any(lives(int(pid)) for pid in mark.read_text().split())


def test_a_child_that_comes_back_in_place_of_its_parent_says_nothing(run: Run) -> None:
    assert run("forks").reason == "the parent"
    assert run("forks").reason == "the parent"


def test_threads_left_behind_end_with_their_process(run: Run) -> None:
    before = run("pid").data
    assert run("threads").reason == "ended 1 thread it left behind"
    assert run("pid").data != before


@pytest.mark.parametrize(
    "code",
    [
        "os.chdir('/')",
        "os.environ['LEFT'] = 'behind'",
        "os.umask(0)",
        "signal.signal(signal.SIGUSR1, lambda *_: None)",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "signal.setitimer(signal.ITIMER_REAL, 1000)",
        "locale.setlocale(locale.LC_ALL, 'C.UTF-8' if locale.setlocale(locale.LC_ALL) == 'C' else 'C')",
        "os.close(2)",
        "sys.stdout = open(os.devnull, 'w')",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))",
        "globals()['kept'] = [os.open(os.devnull, 0) for _ in range(150)]",
        "globals()['kept'] = b'x' * (300 << 20)",
    ],
)
def test_a_process_that_was_changed_takes_no_other_run(code: str, run: Run) -> None:
    before = run("pid").data
    assert run("changes", code=code).state is RunState.SUCCEEDED
    assert run("pid").data != before


def test_a_process_that_was_not_changed_is_kept(run: Run) -> None:
    before = run("pid").data
    assert run("changes", code="os.environ['A'] = '1'; del os.environ['A']").state is RunState.SUCCEEDED
    assert run("pid").data == before


# ---------------------------------------------------------------------------- the files


def test_a_changed_file_is_loaded_anew(run: Run, folder: Path) -> None:
    assert run("count").data == {"count": 1}
    (folder / "mine.py").write_text(MINE.replace("count += 1", "count += 100"))
    assert run("count").data == {"count": 100}
    (folder / "_help.py").write_text("STEP = 7")
    (folder / "mine.py").write_text(MINE.replace("count += 1", "from _help import STEP; count += STEP"))
    assert run("count").data == {"count": 7}
    (folder / "_help.py").write_text("STEP = 8000")
    assert run("count").data == {"count": 8000}


def test_an_added_file_is_found_and_a_removed_one_is_gone(run: Run, folder: Path) -> None:
    assert run("new").state is RunState.FAILED
    (folder / "new.py").write_text("from jarvis import handler\n@handler('new')\ndef new(context): return 'here'\n")
    assert run("new").reason == "here"
    (folder / "new.py").unlink()
    assert run("new").reason.startswith("no handler is named 'new'")


ONE = "from jarvis import handler\n@handler({name!r})\ndef one(context): pass\n"


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("bad.py", "def x(:\n", "line 1: SyntaxError: invalid syntax"),
        ("bad.py", "\n\n1 / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("bad.py", "import nowhere\n", "line 1: ModuleNotFoundError: No module named 'nowhere'"),
        ("bad.py", "import sys\nsys.exit(5)\n", "line 2: SystemExit: 5"),
        ("bad.py", "import os\nos.abort()\n", "while this was being loaded, the worker process was ended by SIGABRT"),
        ("bad.py", "import os\nos._exit(0)\n", "while this was being loaded, the worker process exited with code 0"),
        ("bad.py", "while True: pass\n", "while this was being loaded, the worker process did not end within 6 s"),
        ("bad.py", ONE.format(name=""), "line 2: ValueError: a handler cannot be named ''"),
        (
            "bad.py",
            "from jarvis import handler\n@handler\ndef x(c): pass\n",
            "line 2: TypeError: @handler takes a name",
        ),
        ("json.py", ONE.format(name="x"), "ImportError: there is a module json already: rename the file"),
        ("a.b.py", ONE.format(name="x"), "ImportError: 'a.b' is no name for a module: rename the file"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named_and_stops_no_other(
    file: str, text: str, problem: str, folder: Path
) -> None:
    (folder / file).write_text(text)
    pool = WorkerPool(app.worker_pool(load_config())._setup, load_limit=6.0)  # the other file loads within that
    known = pool.known()
    pool.close()
    assert list(known.problems) == [str(folder / file)]
    assert known.problems[str(folder / file)].startswith(problem)
    assert "text" in known.names


def test_a_file_that_did_harm_is_loaded_again_once_it_has_changed(folder: Path, run: Run) -> None:
    (folder / "bad.py").write_text("import os\nos.abort()\n")
    assert run("text").state is RunState.SUCCEEDED
    assert "was ended by SIGABRT" in run("good").reason
    (folder / "bad.py").write_text(ONE.format(name="good"))
    assert run("good").state is RunState.SUCCEEDED


def test_a_file_that_never_gets_loaded_does_not_hold_other_runs_up_for_ever(folder: Path) -> None:
    (folder / "zzz.py").write_text("while True: pass\n")
    pool = WorkerPool(app.worker_pool(load_config())._setup, load_limit=6.0)
    first, second = (
        ForeignHandler("text", pool)(a_context(owner_mark="x", remaining=seconds_from_now(left))) for left in (0.6, 60)
    )
    pool.close()
    assert first.state is RunState.TIMED_OUT
    assert second.reason == "all is well"


def test_a_name_claimed_twice_is_nobody_s_and_both_are_named(folder: Path, pool: WorkerPool) -> None:
    for file in ("one.py", "two.py"):
        (folder / file).write_text(ONE.format(name="same"))
    known = pool.known()
    assert "same" not in known.names
    assert known.problems == {
        f"{folder / 'one.py'}:2 and {folder / 'two.py'}:2": (
            "'same' is claimed more than once: nobody gets it until one is renamed"
        )
    }


def test_a_name_of_the_house_cannot_be_taken(folder: Path, pool: WorkerPool) -> None:
    (folder / "one.py").write_text(ONE.format(name="noop"))
    known = pool.known()
    assert known.problems == {f"{folder / 'one.py'}:2": "'noop' is a handler of the house: choose another name"}
    assert "noop" not in known.names


def test_an_installed_package_brings_handlers(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    info = site / "thing-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "thing.py").write_text("value = 3\ndef work(context): return 'from a package'\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[jarvis.handlers]\nthing = thing:work\nbroken = thing:value\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    pool = app.worker_pool(load_config())
    known, result = pool.known(), ForeignHandler("thing", pool)(a_context(owner_mark="x"))
    pool.close()
    assert known.names["thing"] == f"{site / 'thing.py'}:2"
    assert known.problems == {"entry point broken (thing:value)": "TypeError: it is a int, no function"}
    assert result.reason == "from a package"


def test_problems_are_told_in_the_log(folder: Path, pool: WorkerPool, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "bad.py").write_text("def x(:\n")
    with caplog.at_level(logging.WARNING):
        log_problems(pool)
    assert [record.getMessage() for record in caplog.records] == [
        f"handlers: {folder / 'bad.py'}: line 1: SyntaxError: invalid syntax"
    ]


# ---------------------------------------------------------------------------- the processes


def test_an_idle_process_is_ended_after_a_while(folder: Path, eventually: Callable[..., None]) -> None:
    pool = WorkerPool(app.worker_pool(load_config())._setup, idle_limit=0.1)
    pid = ForeignHandler("pid", pool)(a_context(owner_mark="x")).data["pid"]
    eventually(lambda: not lives(pid))
    assert ForeignHandler("text", pool)(a_context(owner_mark="x")).reason == "all is well"
    pool.close()


def test_a_process_that_died_while_idle_is_replaced(run: Run) -> None:
    pid = run("pid").data["pid"]
    os.kill(pid, signal.SIGKILL)
    assert run("text").reason == "all is well"


def test_that_somebody_else_killed_it_is_said(run: Run, tmp_path: Path) -> None:
    result = run("changes", code="os.kill(os.getpid(), signal.SIGKILL)")
    assert result.state is RunState.FAILED
    assert "was ended by SIGKILL, which was not Jarvis" in result.reason


def test_a_process_serves_one_owner_alone(pool: WorkerPool) -> None:
    pids = {ForeignHandler("pid", pool)(a_context(owner_mark=mark)).data["pid"] for mark in ("a", "b", "a")}
    assert len(pids) == 2


def test_after_closing_a_lent_process_is_not_kept(pool: WorkerPool, run: Run) -> None:
    pool.close()
    assert not lives(run("pid").data["pid"])


def test_no_descriptor_is_left_open_however_it_ends(run: Run, pool: WorkerPool) -> None:
    run("nothing")
    before = len(list(Path("/dev/fd").iterdir()))
    for name in ("raises", "os._exit", "threads", "nothing"):
        run(name)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_that_no_process_can_be_started_fails_the_run_with_the_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert run("text").reason == "no worker process could be started: No such file or directory"
    monkeypatch.setattr(sys, "executable", "/bin/false")
    result = run("text")
    assert result.reason == (
        "no worker process could be started: it exited with code 1 before any handler file was loaded"
    )
    with pytest.raises(NotStarted):
        app.worker_pool(load_config()).known()


def test_the_daemon_itself_never_loads_a_handler_file(folder: Path, run: Run) -> None:
    assert run("text").reason == "all is well"
    assert "mine" not in sys.modules


def _written(mark: Path) -> Callable[[], bool]:
    return lambda: mark.exists() and bool(mark.read_text())


def test_a_context_is_what_a_handler_file_imports() -> None:
    assert jarvis.Context is Context
    assert jarvis.Result is Result
    with pytest.raises(AttributeError, match="no attribute 'nothing_like_that'"):
        _ = jarvis.nothing_like_that

"""`jarvis task list | show | pause | resume | remove | run`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from jarvis import app
from jarvis.cli import task_run
from jarvis.config import load_config
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval
from tests.cli.conftest import Jarvis, Said

KEYS = {"name", "schedule", "handler", "enabled", "next_run_at", "last_run_at", "last_state"}


@pytest.fixture
def add(jarvis: Jarvis) -> Callable[..., None]:
    def adding(name: str, *flags: str) -> None:
        assert jarvis("task", "add", name, "--every", "1h", *(flags or ("--handler", "noop"))).code == 0

    return adding


def test_an_empty_list_says_how_to_fill_it(jarvis: Jarvis) -> None:
    assert "jarvis task add" in jarvis("task", "list").out
    assert jarvis("task", "list", "--json").json == []


def test_the_list_tells_what_is_due_and_how_it_went(jarvis: Jarvis, add: Callable[..., None]) -> None:
    add("b")
    add("a", "--", "false")
    jarvis("task", "run", "a")
    jarvis("tick")
    jarvis("task", "pause", "b")
    first, second = jarvis("task", "list", "--json").json
    assert set(first) >= KEYS
    assert (first["name"], first["handler"], first["last_state"]) == ("a", "command", "failed")
    assert datetime.fromisoformat(first["last_run_at"]).tzinfo is not None
    assert (second["name"], second["enabled"], second["next_run_at"], second["last_run_at"]) == ("b", False, None, None)
    lines = jarvis("task", "list").out.splitlines()
    assert len({line.index(word) for line, word in zip(lines, ("SCHED", "every", "every"), strict=True)}) == 1
    assert "paused" in lines[2]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("schedule", "{torn"),
        ("schedule", '{"type":"cron","expr":"every now and then"}'),
        ("schedule", '{"type":"moon","phase":"full"}'),
        ("schedule", '{"type":"interval","every":"soon"}'),
        ("schedule", '{"type":"once","at":5}'),
        ("schedule", "[]"),
        ("params", "{torn"),
        ("policy", "{torn"),
    ],
)
def test_a_task_that_cannot_be_read_is_told_and_stops_nobody(
    column: str, value: str, jarvis: Jarvis, add: Callable[..., None], store: MemoryStore
) -> None:
    add("bad")
    add("good")
    store.database.change(f"UPDATE tasks SET {column} = ? WHERE name = 'bad'", (value,))  # noqa: S608
    said = jarvis("task", "list")
    assert said.code == 0
    assert "unreadable" in said.out
    assert "good  every 1h" in said.out
    assert "task bad: " in said.err
    bad, good = jarvis("task", "list", "--json").json
    assert (bad["name"], bad["schedule"], bool(bad["problem"])) == ("bad", None, True)
    assert (good["schedule"], good["problem"]) == ("every 1h", None)
    assert jarvis("task", "show", "bad").code == 1
    assert jarvis("task", "remove", "bad").code == 0


@pytest.mark.parametrize("name", ["\x1b[2Jgone", "two\nlines", "\u202eevil"])
def test_a_hostile_name_in_the_store_is_shown_escaped(name: str, jarvis: Jarvis, store: MemoryStore) -> None:
    spec = TaskSpec(name="x", schedule=Interval(timedelta(hours=1)), handler="noop")
    store.add_task(spec, SystemClock().now())
    store.database.change("UPDATE tasks SET name = ?", (name,))
    lines = jarvis("task", "list").out.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert jarvis("task", "list", "--json").json[0]["name"] == name
    for verb in ("show", "pause", "resume", "run", "remove"):
        said = jarvis("task", verb, name)
        assert said.code == 0, said.err
        assert all(line.isprintable() for line in (said.out + said.err).splitlines())


def test_everything_about_a_task_is_shown(jarvis: Jarvis) -> None:
    flags = ["--cron", "30 8 * * *", "--tz", "Asia/Tokyo", "--timeout", "10s"]
    jarvis("task", "add", "x", *flags, "--", "echo", "hi")
    jarvis("task", "run", "x")
    jarvis("tick")
    shown = jarvis("task", "show", "x", "--json").json
    assert (shown["timezone"], shown["params"]) == ("Asia/Tokyo", {"command": ["echo", "hi"]})
    assert (shown["policy"]["timeout"], shown["policy"]["grace"]) == ("10s", "1m")
    assert (len(shown["next"]), len(shown["runs"])) == (5, 1)
    assert shown["next"][0] == shown["next_run_at"]
    assert shown["last_state"] == "succeeded"
    text = jarvis("task", "show", "x").out
    assert "cron 30 8 * * * (Asia/Tokyo)" in text
    assert "command = ['echo', 'hi']" in text
    assert "succeeded" in text


@pytest.mark.parametrize("words", [["show"], ["remove"], ["pause"], ["resume"], ["run"], ["run", "--wait"]])
def test_a_name_that_no_task_has_is_told_with_the_nearest(
    words: list[str], jarvis: Jarvis, add: Callable[..., None]
) -> None:
    add("report")
    said = jarvis("task", *words, "reprot")
    assert (said.code, said.out) == (1, "")
    assert "Did you mean report?" in said.err


def test_a_paused_task_says_why_and_can_be_resumed(jarvis: Jarvis, add: Callable[..., None]) -> None:
    add("x")
    assert jarvis("task", "pause", "x", "--reason", "the server moves").out == "x is paused\n"
    assert jarvis("task", "pause", "x").out == "x was already paused\n"
    assert "the server moves" in jarvis("task", "show", "x").out
    assert jarvis("task", "resume", "x").out.startswith("x is enabled: due next at 20")
    assert jarvis("task", "list", "--json").json[0]["enabled"] is True


def test_a_removed_task_leaves_its_runs_in_the_ledger(jarvis: Jarvis, add: Callable[..., None]) -> None:
    add("x")
    jarvis("task", "run", "x")
    jarvis("tick")
    jarvis("task", "run", "x")
    assert "not started were cancelled: 1" in jarvis("task", "remove", "x").out
    assert jarvis("task", "list", "--json").json == []
    runs = jarvis("runs", "list", "--task", "x", "--json").json
    assert [run["state"] for run in runs] == ["cancelled", "succeeded"]


# -- run --------------------------------------------------------------------------------------------------
def test_a_run_is_queued_and_its_id_told(jarvis: Jarvis, add: Callable[..., None]) -> None:
    add("x")
    said = jarvis("task", "run", "x")
    assert said.code == 0
    assert said.out.startswith("run 1 of x is queued")
    assert "no daemon is running" in said.err
    run = jarvis("task", "run", "x", "--json").json
    assert (run["id"], run["task"], run["origin"], run["state"]) == (2, "x", "manual", "pending")
    assert jarvis("task", "list", "--json").json[0]["last_state"] is None


def test_without_a_daemon_there_is_nobody_to_wait_for(jarvis: Jarvis, add: Callable[..., None]) -> None:
    add("x")
    said = jarvis("task", "run", "x", "--wait")
    assert said.code == 1
    assert "no daemon is running" in said.err
    assert jarvis("runs", "list", "--json").json == []


@pytest.mark.usefixtures("living")
@pytest.mark.parametrize(
    ("script", "code", "state"), [("echo hi; exit 0", 0, "succeeded"), ("echo hi; exit 3", 1, "failed")]
)
def test_waiting_prints_what_the_run_wrote_and_fails_with_it(
    script: str, code: int, state: str, jarvis: Jarvis, add: Callable[..., None]
) -> None:
    add("x", "--", "sh", "-c", script)
    said = beside(carry_out_one, lambda: jarvis("task", "run", "x", "--wait"))
    assert (said.code, said.out) == (code, "hi\n")
    assert f"run 1 of x: {state}" in said.err


@pytest.mark.usefixtures("living")
def test_waiting_as_json_prints_the_run(jarvis: Jarvis, add: Callable[..., None]) -> None:
    add("x")
    said = beside(carry_out_one, lambda: jarvis("task", "run", "x", "--wait", "--json"))
    assert said.json["state"] == "succeeded"


def test_waiting_ends_when_the_daemon_is_gone(
    jarvis: Jarvis, add: Callable[..., None], store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("x")
    owner = store.instances.register(SystemClock().now())
    monkeypatch.setattr(task_run, "DAEMON_EVERY", 1)
    monkeypatch.setattr(task_run, "sleep", lambda _: store.instances.sign_off(owner.id, SystemClock().now()))
    said = jarvis("task", "run", "x", "--wait")
    assert said.code == 1
    assert "the daemon is gone" in said.err


def carry_out_one(stop: threading.Event) -> None:
    """What a daemon does, in a thread: run what is pending, until one has run."""
    config = load_config()
    memory = app.store(config)
    engine = app.engine(memory, config)
    while not engine.evaluate_due_tasks() and not stop.wait(0.02):
        pass
    engine.close()
    memory.close()


def beside(work: Callable[[threading.Event], None], call: Callable[[], Said]) -> Said:
    """Call while the work goes on in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        return call()
    finally:
        stop.set()
        thread.join()


def test_the_present_is_read_once(jarvis: Jarvis) -> None:
    from jarvis.cli.session import Session

    session = Session(None)
    assert session.now is session.now
    assert session.now.tzinfo is UTC

"""`jarvis handler list`, and tasks whose handler is in a file of the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from jarvis import app
from jarvis.config import load_config
from jarvis.errors import UsageError
from jarvis.memory import MemoryStore
from tests.cli.conftest import Jarvis

pytestmark = pytest.mark.process

GREETING = """
from jarvis import handler

@handler("greet")
def greet(context):
    print("hello", context.params["who"])
    return {"greeted": context.params["who"]}
"""


@pytest.fixture
def greeting(home: Path) -> Path:
    """A handler file."""
    path = home / "handlers" / "greeting.py"
    path.parent.mkdir()
    path.write_text(GREETING)
    return path


def test_the_handlers_are_listed_with_where_they_stand(jarvis: Jarvis, greeting: Path) -> None:
    said = jarvis("handler", "list")
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == [
        *("alert_eval", "command", "greet", "noop", "remind", "webhook_poll")
    ]
    assert f"greet         {greeting}:4" in said.out


def test_a_broken_file_is_named_and_the_others_are_listed(jarvis: Jarvis, greeting: Path) -> None:
    broken = greeting.with_name("broken.py")
    broken.write_text("\ndef x(:\n")
    said = jarvis("handler", "list")
    assert said.code == 0
    assert "greet" in said.out
    assert f"{broken}: line 2: SyntaxError: invalid syntax" in said.err
    shown = jarvis("handler", "list", "--json").json
    assert {"name": "greet", "source": f"{greeting}:4"} in shown["handlers"]
    assert shown["problems"] == {str(broken): "line 2: SyntaxError: invalid syntax"}


def test_a_handler_of_a_file_runs_and_its_output_is_kept(jarvis: Jarvis, greeting: Path) -> None:
    assert jarvis("task", "add", "g", "--every", "1h", "--handler", "greet", "--param", "who=Ada").code == 0
    assert jarvis("task", "run", "g").code == 0
    assert jarvis("tick").code == 0
    (run,) = jarvis("runs", "list", "--json").json
    assert run["state"] == "succeeded"
    assert jarvis("runs", "logs", run["id"]).out == "hello Ada\n"


def test_a_handler_that_does_not_exist_is_refused_with_those_that_do(
    jarvis: Jarvis, greeting: Path, store: MemoryStore
) -> None:
    greeting.with_name("broken.py").write_text("def x(:\n")
    said = jarvis("task", "add", "g", "--every", "1h", "--handler", "great")
    assert said.code == 2
    assert "there are alert_eval, command, greet, noop, remind, webhook_poll. Did you mean greet?" in said.err
    assert "broken.py: line 1: SyntaxError" in said.err
    assert not store.tasks.names()


def test_a_memory_limit_is_stored_in_bytes(jarvis: Jarvis, store: MemoryStore) -> None:
    assert jarvis("task", "add", "x", "--every", "1h", "--memory-limit", "512MB", "--handler", "noop").code == 0
    assert store.tasks.get("x").policy.memory_limit == 512 << 20


@pytest.mark.parametrize(
    ("size", "complaint"),
    [
        ("much", "'much' is no amount of memory"),
        ("63MB", "63MB is less than a process starts in: use at least 64 MiB"),
    ],
)
def test_a_memory_limit_that_makes_no_sense_is_refused(size: str, complaint: str, jarvis: Jarvis) -> None:
    said = jarvis("task", "add", "x", "--every", "1h", "--memory-limit", size, "--handler", "noop")
    assert (said.code, complaint in said.err) == (2, True)


def test_a_file_of_tasks_may_name_a_handler_of_a_file(jarvis: Jarvis, greeting: Path, store: MemoryStore) -> None:
    tasks = greeting.parents[1] / "jarvis.toml"
    tasks.write_text('[tasks.g]\nevery = "1h"\nhandler = "greet"\nmemory_limit = "128MB"\n')
    assert jarvis("apply").code == 0
    assert (store.tasks.get("g").handler, store.tasks.get("g").policy.memory_limit) == ("greet", 128 << 20)
    tasks.write_text('[tasks.g]\nevery = "1h"\nhandler = "great"\n')
    said = jarvis("apply")
    assert said.code != 0
    assert "Did you mean greet?" in said.err


def test_the_daemon_does_not_load_the_user_s_code_to_read_its_file(home: Path, greeting: Path) -> None:
    config = load_config()
    greeting.write_text("while True: pass\n")
    check = app.unhurried_check(config)
    check("greet", {})
    with pytest.raises(UsageError):
        check("command", {})
    greeting.unlink()
    greeting.parent.rmdir()
    with pytest.raises(UsageError, match="no handler is named 'greet'"):
        app.unhurried_check(config)("greet", {})

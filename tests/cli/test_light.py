"""A command line starts fast: what it loads, and that the fast way tells the same as the whole store."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.cli import glance, records
from jarvis.memory import MemoryStore
from jarvis.memory.migrate import migrations
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import After, Cron, Interval, Once, OnEvent, Schedule
from tests.cli.conftest import Jarvis

#: Each of these costs as much as half an interpreter, or more.
HEAVY = {"asyncio", "dataclasses", "inspect", "logging", "msgspec", "shutil", "subprocess", "socket", "tempfile"}
PROGRAM = """
import json, sys
from jarvis.cli import main
code = main(sys.argv[1:])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def modules(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.process
def test_the_version_is_told_by_next_to_nothing(home: Path) -> None:
    bare = subprocess.run([sys.executable, "-c", "import json, sys; print(json.dumps(sorted(sys.modules)))"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert modules("--version") - set(json.loads(bare.stdout)) == {"jarvis", "jarvis.cli"}


@pytest.mark.process
@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"], ["task", "list"], ["task", "list", "--json"]])
def test_the_everyday_verbs_load_nothing_heavy(arguments: list[str], jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--handler", "noop")
    assert modules(*arguments) & HEAVY == set()


@pytest.mark.process
def test_channels_make_them_no_heavier(home: Path) -> None:
    (home / "jarvis.toml").write_text(
        "[channels.a]\nurl = 'ntfy://ntfy.sh/${env:TOPIC}'\n[channels.b]\ntype = 'file'\npath = 'x'\nfallback = 'a'\n"
        "[channels.c]\ntype = 'smtp'\nhost = 'mail.example.org'\nfrom = 'me@example.org'\nto = ['me@example.org']\n"
    )
    modules("status")  # makes the store
    assert modules("status") & (HEAVY | {"email", "smtplib", "jinja2", "apprise", "keyring"}) == set()


@pytest.mark.process
def test_quiet_hours_make_them_no_heavier(home: Path) -> None:
    (home / "jarvis.toml").write_text("[attention]\nquiet = ['fri-sun 22:00-07:00']\nremind = '1d'\nzone = 'UTC'\n")
    modules("status")  # makes the store
    assert modules("status") & HEAVY == set()


@pytest.mark.process
def test_the_next_instants_of_an_expression_need_no_store(home: Path) -> None:
    loaded = modules("next", "--cron", "@daily", "--tz", "UTC")
    assert loaded & {"apsw", "asyncio", "subprocess", "logging"} == set()
    assert not (home / "data").exists()


SECONDS = st.integers(86_400, 250_000_000_000)
INSTANTS = SECONDS.map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=seconds)
)
ZONES = st.sampled_from(["UTC", "America/Denver", "Asia/Kathmandu"])
SCHEDULES: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(Cron, st.sampled_from(["* * * * *", "0 9 * * mon-fri", "@daily", "*/5 0 9 1-7 * *"]), ZONES),
    st.builds(Interval, st.timedeltas(timedelta(milliseconds=100), timedelta(days=10_000)), tz=ZONES),
    st.builds(Once, INSTANTS, ZONES),
    st.builds(OnEvent, st.sampled_from(["github", "*"]), st.sampled_from(["push*", "a/b"]),
              filter=st.sampled_from(["", "payload"]), tz=ZONES),
    st.builds(After, st.sampled_from(["build", "a b"]), st.sampled_from(["succeeded", "failed", "always"]), ZONES),
)  # fmt: skip


@given(SCHEDULES)
def test_a_schedule_is_told_as_it_tells_itself(schedule: Schedule) -> None:
    store = MemoryStore()
    task = store.tasks.add(TaskSpec(name="x", schedule=schedule, handler="noop"), datetime(2026, 3, 2, tzinfo=UTC))
    (found,) = glance.tasks(store.database)
    assert found["schedule"] == task.schedule.describe()
    store.close()


def test_a_task_at_a_glance_is_what_the_whole_store_says(jarvis: Jarvis, store: MemoryStore) -> None:
    jarvis("task", "add", "a", "--every", "1h", "--", "false")
    jarvis("task", "add", "b", "--cron", "@daily", "--grace", "5m", "--handler", "noop")
    jarvis("task", "run", "a")
    jarvis("tick")
    jarvis("task", "pause", "b")
    whole = [records.of_task(each.task, each.last_run_at, each.last_state, UTC) for each in store.tasks.list()]  # type: ignore[union-attr]
    assert jarvis("task", "list", "--json").json == whole


@pytest.mark.usefixtures("living")
def test_daemons_at_a_glance_are_what_the_whole_store_says(store: MemoryStore) -> None:
    now = SystemClock().now()
    dead = store.instances.register(now)
    waker = store.instances.waker(dead.id)
    assert waker is not None
    living = store.instances.living(now)
    assert [each["pid"] for each in glance.daemons(store.database, now)] == [each.pid for each in living]
    assert len(living) == 2
    for pipe in Path(f"{store.path}-daemons").iterdir():
        pipe.unlink()  # somebody tidied up: the process table is asked
    assert len(glance.daemons(store.database, now)) == len(store.instances.living(now)) == 2
    store.instances.sign_off(dead.id, SystemClock().now())
    assert len(glance.daemons(store.database, now)) == len(store.instances.living(now)) == 1


def test_counts_at_a_glance_are_what_the_whole_store_says(jarvis: Jarvis, store: MemoryStore) -> None:
    for name in ("a", "b"):
        jarvis("task", "add", name, "--every", "1h", "--handler", "noop")
        jarvis("task", "run", name)
    jarvis("tick")
    jarvis("task", "run", "a")
    since = SystemClock().now() - timedelta(days=1)
    shown = glance.settled_runs(store.database, since) | glance.open_runs(store.database)
    assert {state: count for state, count in shown.items() if count} == store.runs.counts(since)
    assert glance.next_due(store.database) == ("a", store.tasks.next_due_at())


def test_a_store_of_an_older_schema_is_brought_up_first(
    jarvis: Jarvis, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jarvis("status", "--json").json["schema"] == max(migrations())
    newest = max(migrations()) + 1
    monkeypatch.setattr(glance, "migrations", lambda: {newest: home})
    assert jarvis("status").code == 0  # through the whole store, which knows what to do


def test_a_store_in_memory_is_empty_and_no_error(jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JARVIS_DATABASE_URL", "sqlite://")
    assert jarvis("task", "list", "--json").json == []
    assert jarvis("status", "--json").json["store"] == ":memory:"

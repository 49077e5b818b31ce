"""`jarvis import`: three versions of an earlier assistant's store, and every odd row accounted for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jarvis.memory import MemoryStore
from tests.cli.conftest import Jarvis, Said
from tests.importing.earlier import V2, V3, VERSIONS, cron, make, task

FUTURE = '{"run_at": "2099-07-01T09:00:00"}'
IN, NO = "imported", "refused"

# Twenty rows of tasks: the row, and what becomes of it (the outcome, and words of its reason or notes).
TASKS: list[tuple[dict[str, Any], str, str]] = [
    (cron("brief", "30 7 * * 0-4"), IN, "is '30 7 * * 1,2,3,4,5' here"),
    (cron("friday 13th", "0 9 13 * 4"), IN, "without mon, tue, wed, thu, sat, sun"),
    (cron("weekend", "0 9 * * 4-6"), IN, "'0 9 * * 0,5,6'"),
    (cron("wraps", "0 9 * * 5-1"), NO, "runs backwards"),
    (cron("sunday as 7", "0 9 * * 7"), NO, "is not in 0-6, 0 = Monday"),
    (cron("never", "0 0 30 1 *", schedule_config='{"expression": "0 0 31 2 *"}'), NO, "never fires"),
    (task("no expression", "cron", "{}"), NO, "an expression is needed"),
    (task("both", "interval", '{"hours": 1, "minutes": 30}'), IN, ""),
    (task("half", "interval", '{"minutes": 0.5}'), IN, ""),
    (task("nothing", "interval", '{"minutes": 0}'), NO, "above 0 are needed"),
    (task("text", "interval", '{"minutes": "5"}'), NO, "minutes '5': a number is needed"),
    (task("bad json", "interval", '{"minutes": 5'), NO, "schedule_config is no JSON"),
    (task("null", None, None), NO, "schedule_type is NULL"),
    (task(None, "interval", '{"hours": 1}'), NO, "name is NULL"),
    (task("past", "once", '{"run_at": "2020-01-01T00:00:00"}'), NO, "has passed; it never ran there"),
    (task("coming", "once", FUTURE), IN, ""),
    (task("skill", "interval", '{"hours": 1}', handler_type="skill_auto_exec"), NO, "which Jarvis does not have"),
    (task("shell", "interval", '{"hours": 1}', handler_config='{"command": "cd /x && ls"}'), IN, "needs a shell"),
    (task("both", "interval", '{"hours": 2}'), NO, "does something else: rename one"),
    (task("off", "interval", '{"hours": 1}', enabled=0), IN, ""),
]
OTHERS: dict[str, list[tuple[dict[str, Any], str, str]]] = {
    "facts": [
        ({"category": "home", "key": "rooms", "value": "4"}, IN, ""),
        ({"category": "home", "key": "rooms", "value": "5"}, NO, "is here with another value"),
        ({"category": "home", "key": "rooms", "value": "4"}, "already_there", "has this value already"),
        ({"category": " a\nb ", "key": "k", "value": "[1"}, IN, "put on one line"),
        ({"category": None, "key": "k", "value": "v"}, NO, "category is"),
        ({"category": "c", "key": "blob", "value": b"\x00\xff"}, NO, "2 bytes: a text is needed"),
    ],
    "decisions": [
        ({"title": "Move", "description": "far", "status": "completed"}, IN, ""),
        ({"title": "x", "status": "mulled over"}, NO, "Jarvis has pending_execution"),
        ({"title": "t" * 501}, NO, "a decision's title"),
    ],
    "delegations": [
        ({"task": "Send", "delegated_to": "Ann", "due_date": "2026-12-01"}, IN, ""),
        ({"task": "Send", "delegated_to": "Ann", "due_date": "2026-12-01"}, IN, ""),  # two of a kind are two
        ({"task": "Send", "delegated_to": "Ann", "due_date": "tomorrow"}, NO, "due_date is 'tomorrow'"),
        ({"task": "Send", "delegated_to": None}, NO, "delegated_to is NULL"),
    ],
    "alert_rules": [
        ({"name": "late", "alert_type": "overdue_delegation", "condition": '{"days_overdue": 2}'}, IN, ""),
        ({"name": "late", "alert_type": "stale_backup", "condition": "{}"}, NO, "watches something else"),
        ({"name": "mood", "alert_type": "mood", "condition": "{}"}, NO, "mood"),
        ({"name": "broken", "alert_type": "stale_backup", "condition": "{"}, NO, "condition is no JSON"),
    ],
    "webhook_events": [
        ({"source": "github", "event_type": "push", "payload": '{"a": 1}', "status": "processed"}, IN, ""),
        ({"source": "github", "event_type": "push", "payload": "{"}, NO, "payload is no JSON"),
    ],
}
CASES = {**OTHERS, "scheduled_tasks": TASKS}


@pytest.fixture(params=VERSIONS)
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    rows = {table: [row for row, _, _ in cases] for table, cases in CASES.items()}
    return make(tmp_path / "memory.db", VERSIONS[request.param], rows)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch, jarvis: Jarvis) -> Jarvis:
    monkeypatch.setenv("JARVIS_TIMEZONE", "America/Denver")
    return jarvis


def told(said: Said, table: str) -> list[dict[str, Any]]:
    return [row for row in said.json["rows"] if row["table"] == table]


@pytest.mark.parametrize("table", CASES)
def test_every_row_is_imported_there_or_refused_with_its_reason(zone: Jarvis, earlier: Path, table: str) -> None:
    said = zone("import", earlier, "--json")
    assert said.code == 1, said.err
    cases = CASES[table]
    found = told(said, table)
    assert len(found) == len(cases)
    for row, (_, outcome, words) in zip(found, cases, strict=True):
        text = "; ".join(filter(None, [row["reason"], *row["notes"]]))
        assert (row["outcome"], words in text) == (outcome, True), (row["name"], text)
        assert (row["reason"] is None) == (outcome == IN)


def test_a_dry_run_reports_the_same_and_stores_nothing(zone: Jarvis, earlier: Path, store: MemoryStore) -> None:
    rehearsed = zone("import", earlier, "--dry-run", "--json")
    assert (store.tasks.names(), store.facts.list(), store.events.list(), store.changes.list()) == ([], [], [], [])
    assert store.database.value("SELECT count(*) FROM meta WHERE key LIKE 'import%'") == 0
    done = zone("import", earlier, "--json")
    assert rehearsed.json["rows"] == done.json["rows"]
    assert (rehearsed.json["dry_run"], done.json["dry_run"]) == (True, False)
    assert store.tasks.names()


def test_a_second_import_changes_nothing_and_says_so(zone: Jarvis, earlier: Path, store: MemoryStore) -> None:
    first = zone("import", earlier, "--json").json
    before = [store.tasks.names(), store.facts.list(), store.delegations.list(), store.changes.list(limit=None)]
    copy = earlier.rename(earlier.with_name("moved.db"))  # the rows are known, wherever the file is
    second = zone("import", copy, "--json").json
    after = [store.tasks.names(), store.facts.list(), store.delegations.list(), store.changes.list(limit=None)]
    assert before == after
    assert second["counts"]["imported"] == 0
    assert second["counts"]["already_there"] == first["counts"]["imported"] + first["counts"]["already_there"]
    assert second["counts"]["refused"] == first["counts"]["refused"]


def test_the_source_is_left_as_it_was(zone: Jarvis, earlier: Path) -> None:
    before = earlier.read_bytes()
    zone("import", earlier)
    assert earlier.read_bytes() == before
    with closing(sqlite3.connect(earlier)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The other program, in the middle of a transaction."""
    path = make(tmp_path / "memory.db", V3, {"facts": [{"category": "a", "key": "b", "value": "old"}]})
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE facts SET value = 'new'")
        yield connection
        connection.execute("ROLLBACK")


def test_it_works_while_the_other_program_writes(zone: Jarvis, writer: sqlite3.Connection, tmp_path: Path) -> None:
    assert zone("import", tmp_path / "memory.db").code == 0
    assert zone("fact", "get", "a", "b").out.strip() == "old"


def test_a_row_that_was_changed_over_there_since_is_told(zone: Jarvis, tmp_path: Path) -> None:
    path = make(tmp_path / "memory.db", V2, {"delegations": [{"task": "a", "delegated_to": "Ann"}],
                                             "scheduled_tasks": [cron("t", "0 9 * * *")]})  # fmt: skip
    assert zone("import", path).code == 0
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE delegations SET status = 'completed'")
        connection.execute("UPDATE scheduled_tasks SET last_run_at = '2026-11-27T09:00:00', last_result = '{}'")
    said = zone("import", path, "--json")
    assert said.code == 1
    assert [row["outcome"] for row in said.json["rows"]] == [NO, "already_there"]
    assert "has been changed over there since" in said.json["rows"][0]["reason"]


def test_what_has_no_column_here_is_kept_in_the_text_or_named(zone: Jarvis, tmp_path: Path) -> None:
    path = make(tmp_path / "memory.db", V3, {
        "facts": [{"category": "a", "key": "b", "value": "c", "confidence": 0.4, "pinned": 1, "source": "chat",
                   "created_at": "2026-03-01T09:00:00"}],
        "decisions": [{"title": "Move", "description": "far", "context": "old", "tags": "infra", "decided_by": "us",
                       "alternatives_considered": "stay", "created_at": "2026-03-08T02:30:00"}],
        "delegations": [{"task": "t", "delegated_to": "Ann", "notes": "n", "delegated_by": "Bob", "source": "mail"}],
        "event_rules": [{"name": "on push", "agent_name": "reviewer", "token": "hunter2"}],
        "scheduled_tasks": [cron("x", "0 9 * * *", description="d", agent_name="secret-agent")],
        "documents": [{"content": "1"}, {"content": "2"}],
    })  # fmt: skip
    said = zone("import", path, "--json")
    notes = {row["table"]: row["notes"] for row in said.json["rows"]}
    assert notes["facts"] == ["left behind: confidence=0.4, pinned=1"]
    assert notes["scheduled_tasks"] == ["left behind: description, agent_name"]
    assert "did not exist, as the clock was set forward" in notes["decisions"][0]
    assert said.json["other_tables"] == {"documents": 2, 'odd "name': 0}
    assert zone("fact", "list", "--json").json[0] | {"updated_at": None} == {
        "category": "a", "key": "b", "value": "c", "source": "chat", "updated_at": None,
    }  # fmt: skip
    decision = zone("decision", "show", "1", "--json").json
    assert decision["description"] == (
        "far\n\nContext: old\n\nAlternatives considered: stay\n\nDecided by: us\n\nTags: infra"
    )
    assert decision["created_at"] == "2026-03-08T03:30:00-06:00"
    assert zone("delegation", "show", "1", "--json").json["notes"] == "n\n\nDelegated by: Bob\n\nSource: mail"
    assert "hunter2" not in said.out  # what nobody understands may be a secret


def test_an_interval_goes_on_from_when_it_was_due_next(zone: Jarvis, tmp_path: Path) -> None:
    row = task("t", "interval", '{"hours": 2}', next_run_at="2098-12-31T23:07:00.123456")
    zone("import", make(tmp_path / "memory.db", V2, {"scheduled_tasks": [row]}))
    assert zone("next", "t", "-n", "2", "--json").json == ["2098-12-31T23:07:00-07:00", "2099-01-01T01:07:00-07:00"]


def test_the_tasks_have_their_states_commands_and_zones(zone: Jarvis, earlier: Path) -> None:
    zone("import", earlier)
    tasks = {each["name"]: each for each in zone("task", "list", "--json").json}
    assert {name for name, each in tasks.items() if not each["enabled"]} == {"off", "shell"}
    assert tasks["coming"]["next_run_at"] == "2099-07-01T09:00:00-06:00"
    assert tasks["both"]["schedule"] == "every 1h30m"
    assert zone("task", "show", "shell", "--json").json["params"] == {"command": ["sh", "-c", "cd /x && ls"]}
    assert zone("next", "friday 13th", "--from", "2026-01-01T00:00:00-07:00", "-n", "2", "--json").json == [
        "2026-02-13T09:00:00-07:00", "2026-03-13T09:00:00-06:00",
    ]  # fmt: skip


def test_results_go_to_the_channel_that_is_named_for_theirs(zone: Jarvis, tmp_path: Path, home: Path) -> None:
    (home / "jarvis.toml").write_text('[channels.me]\ntype = "file"\npath = "out"\n')
    rows = [cron("x", "0 9 * * *", delivery_channel="email", delivery_config='{"to": "a@b.c"}'),
            cron("y", "0 9 * * *", delivery_channel="imessage")]  # fmt: skip
    path = make(tmp_path / "memory.db", V2, {"scheduled_tasks": rows})
    said = zone("import", path, "--channel", "email=me", "--cwd", tmp_path, "--tz", "Europe/Berlin", "--json")
    assert said.code == 0
    first, second = told(said, "scheduled_tasks")
    assert first["notes"] == ["delivery_config is left behind: the channel me says where to"]
    assert "no channel is named 'imessage' in jarvis.toml" in second["notes"][0]
    shown = zone("task", "show", "x", "--json").json
    assert (shown["deliver"][0]["channel"], shown["params"]["cwd"]) == ("me", str(tmp_path))
    assert "Europe/Berlin" in shown["schedule"]
    assert "a@b.c" not in said.out


def test_an_event_that_was_processed_starts_nothing_again(zone: Jarvis, tmp_path: Path, store: MemoryStore) -> None:
    event = {"source": "github", "event_type": "push", "payload": '{"a": 1}'}
    rows: list[dict[str, Any]] = [
        {**event, "status": "processed"},
        {**event, "processed_at": "2026-01-01"},
        event,
        {**event, "payload": None},
    ]
    assert zone("import", make(tmp_path / "memory.db", V2, {"webhook_events": rows})).code == 0
    assert [(each.status, each.payload) for each in store.events.list()] == [
        ("pending", None), ("pending", {"a": 1}), ("imported", {"a": 1}), ("imported", {"a": 1}),
    ]  # fmt: skip


def test_a_rule_keeps_whether_it_is_on_and_when_it_was_told(zone: Jarvis, tmp_path: Path, store: MemoryStore) -> None:
    row = {"name": "late", "alert_type": "stale_backup", "condition": None, "enabled": 0,
           "last_triggered_at": "2026-07-01T09:00:00"}  # fmt: skip
    zone("import", make(tmp_path / "memory.db", V2, {"alert_rules": [row]}))
    (rule,) = store.rules.list()
    assert (rule.enabled, rule.condition) == (False, {"max_age_hours": 48})
    assert rule.last_triggered_at is not None
    assert rule.last_triggered_at.isoformat() == "2026-07-01T15:00:00+00:00"


def test_a_seeded_task_that_is_the_same_is_there_already(zone: Jarvis, tmp_path: Path) -> None:
    zone("task", "add", "alert_eval", "--every", "2h", "--handler", "alert_eval")
    row = task("alert_eval", "interval", '{"hours": 2}', handler_type="alert_eval", handler_config=None)
    said = zone("import", make(tmp_path / "memory.db", V2, {"scheduled_tasks": [row]}), "--json")
    assert (said.code, said.json["rows"][0]["outcome"]) == (0, "already_there")


def test_a_text_that_is_not_utf8_is_that_rows_own_problem(zone: Jarvis, tmp_path: Path) -> None:
    path = make(tmp_path / "memory.db", V2, {"facts": [{"category": "a", "key": "b", "value": "c"}]})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO facts (category, key, value) VALUES ('a', 'd', CAST (x'ff' AS TEXT))")
    rows = zone("import", path, "--json").json["rows"]
    assert [row["outcome"] for row in rows] == [IN, NO]
    assert "not UTF-8" in rows[1]["reason"]


def test_an_index_of_words_beside_a_table_is_no_table_of_its_own(zone: Jarvis, tmp_path: Path) -> None:
    path = make(tmp_path / "memory.db", V2 + "CREATE VIRTUAL TABLE facts_fts USING fts5 (value);", {})
    said = zone("import", path, "--json")
    assert (said.code, said.json["other_tables"]) == (0, {})


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no file"), (b"", "has none of the tables"), (b"not a database" * 100, "is no SQLite file")],
)
def test_what_is_no_such_store_is_refused(zone: Jarvis, tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "memory.db"
    if content is not None:
        path.write_bytes(content)
    done = zone("import", path)
    assert (done.code, said in done.err) == (2, True), done.err


def test_a_store_of_jarvis_is_no_earlier_one(zone: Jarvis, store: MemoryStore) -> None:
    done = zone("import", store.path)
    assert (done.code, "jarvis restore" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("flags", "said"),
    [(["--channel", "email"], "write OLD=NAME"), (["--channel", "email=who"], "no channel is named 'who'"),
     (["--tz", "Mars/Olympus"], "--tz"), (["--cwd", "/nowhere"], "is no folder")],
)  # fmt: skip
def test_flags_that_mean_nothing_are_refused_first(zone: Jarvis, earlier: Path, flags: list[str], said: str) -> None:
    done = zone("import", earlier, *flags)
    assert (done.code, said in done.err) == (2, True), done.err

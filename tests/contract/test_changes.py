"""The history of the assistant's memory: every change is in it, exactly, and can be taken back."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from jarvis.errors import Conflict, NotFound, UsageError
from jarvis.memory.changes import KEPT, Change
from jarvis.memory.faults import Refused
from jarvis.memory.store import MemoryStore
from jarvis.scheduler.incident import Finding
from tests.house.tree import ROOT

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TABLES = {"fact": "facts", "delegation": "delegations", "decision": "decisions", "rule": "alert_rules"}
#: Columns that no history keeps: the place of the text that is searched, and what evaluating a rule leaves.
NOT_KEPT = {"facts": {"id"}, "alert_rules": {"last_triggered_at"}}


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore().by("ada")
    yield store
    store.close()


def add(store: MemoryStore, noun: str) -> None:
    """A row with something in every column."""
    if noun == "fact":
        store.facts.put("work", "k", {"a": [1, None, "zoë\n\"'"]}, NOW, source="backup")
    elif noun == "delegation":
        store.delegations.add("Budget", "Ann", due_date="2026-11-30", priority="high", notes="a\nb", now=NOW)
    elif noun == "decision":
        store.decisions.add("Move", description="x\ny", owner="Bob", follow_up_date="2026-12-01", now=NOW)
    else:
        store.rules.add("backup", "stale_backup", {"max_age_hours": 1.5}, NOW)
        store.rules.disable("backup", NOW)


def edit(store: MemoryStore, noun: str) -> None:
    later = NOW + SECOND
    if noun == "fact":
        store.facts.put("work", "k", 2, later)
    elif noun == "delegation":
        store.delegations.edit(
            1, task="x", delegated_to="y", due_date=None, priority="low", status="completed", notes="", now=later
        )
    elif noun == "decision":
        store.decisions.edit(1, title="x", description="", owner="", status="deferred", follow_up_date=None, now=later)
    else:
        store.rules.enable("backup", later)


def delete(store: MemoryStore, noun: str) -> bool:
    later = NOW + 2 * SECOND
    if noun == "fact":
        return store.facts.delete("work", "k", later)
    if noun == "rule":
        return store.rules.delete("backup", later)
    return bool((store.delegations if noun == "delegation" else store.decisions).delete(1, later))


def rows(store: MemoryStore, noun: str) -> list[dict[str, Any]]:
    """Everything in the noun's table that a history keeps."""
    table = TABLES[noun]
    columns = store.database.rows(f"PRAGMA table_info ({table})")
    names = [each[1] for each in columns if each[1] not in NOT_KEPT.get(table, set())]
    found = store.database.rows(f"SELECT {', '.join(names)} FROM {table}")  # noqa: S608 - our own table's names
    return [dict(zip(names, row, strict=True)) for row in found]


# -- what is kept
@pytest.mark.parametrize("table", TABLES.values())
def test_the_history_keeps_every_column(store: MemoryStore, table: str) -> None:
    """A column that is added to a table belongs into its `whole`, and into `restore_...` of changes.sql."""
    columns = {row[1] for row in store.database.rows(f"PRAGMA table_info ({table})")}
    text = store.database.value("SELECT sql FROM sqlite_master WHERE name = ?", (table,))
    whole = text.partition("json_object(")[2]
    assert {name for name in columns if f"'{name}', {name}" in " ".join(whole.split())} == columns - NOT_KEPT.get(
        table, set()
    )


@pytest.mark.parametrize("noun", TABLES)
def test_each_change_names_its_author_and_its_time_and_what_was_before(store: MemoryStore, noun: str) -> None:
    add(store, noun)
    edit(store, noun)
    assert delete(store, noun)
    assert not delete(store, noun)
    changes = store.changes.list(noun)
    last, middle = changes[0], changes[1]
    assert {change.source for change in changes} == {"ada"}
    assert (last.after, last.changed_at) == (None, NOW + 2 * SECOND)
    assert (last.before, middle.changed_at) == (middle.after, NOW + SECOND)
    assert changes[-1].before is None
    assert changes == store.changes.list()
    assert [change.id for change in changes] == list(range(len(changes), 0, -1))


def test_a_change_shows_values_as_they_are_meant(store: MemoryStore) -> None:
    add(store, "fact")
    add(store, "rule")
    (fact,), rule = store.facts.history("work", "k"), store.rules.history("backup")[0]
    assert fact.after == {
        "category": "work",
        "key": "k",
        "value": {"a": [1, None, "zoë\n\"'"]},
        "source": "backup",
        "updated_at": NOW,
    }
    assert (fact.name, rule.name) == ("fact work/k", "rule backup")
    assert rule.after is not None
    assert (rule.after["condition"], rule.after["enabled"]) == ({"max_age_hours": 1.5}, False)


def test_what_changes_nothing_is_no_change(store: MemoryStore) -> None:
    add(store, "delegation")
    store.delegations.edit(1, task="Budget", due_date=date(2026, 11, 30), now=NOW + SECOND)
    store.delegations.set_status(1, "active", NOW + SECOND)
    store.rules.add("r", "stale_backup", {}, NOW)
    store.rules.enable("r", NOW)
    found = [Finding(rule=store.rules.get("r"), text="x")]
    store.report(found, store.incidents.seen(), 1, UTC, NOW)  # evaluating a rule is not changing it
    assert [change.name for change in store.changes.list()] == ["rule r", "delegation 1"]
    assert store.delegations.get(1).updated_at == NOW


def test_the_same_fact_said_again_is_a_change(store: MemoryStore) -> None:
    for second in range(2):
        store.facts.put("work", "backup_last_success", "x", NOW + second * SECOND)
    assert len(store.facts.history("work", "backup_last_success")) == 2


def test_a_hand_in_the_database_is_seen_too(tmp_path: Path) -> None:
    store = MemoryStore(str(tmp_path / "memory.db")).by("ada")
    store.facts.put("work", "k", 1, NOW)
    with_a_shell = apsw.Connection(store.path)
    with_a_shell.execute("UPDATE facts SET value = '2'")
    with_a_shell.close()
    store.facts.put("home", "k", 1, NOW)
    _, by_hand, _ = store.changes.list()
    assert (by_hand.source, by_hand.name, by_hand.undoes) == ("", "fact work/k", None)
    assert by_hand.changed_at > NOW
    store.changes.undo(by_hand.id)
    assert store.facts.get("work", "k") == store.facts.put("work", "k", 1, NOW)
    store.close()


def test_a_value_that_is_not_json_is_kept_and_put_back(store: MemoryStore) -> None:
    store.database.change("INSERT INTO facts (category, key, value, updated_at) VALUES ('a', 'b', '{torn', 0)")
    store.facts.put("a", "b", 1, NOW)
    before = store.facts.history("a", "b")[0].before
    assert before is not None
    assert before["value"] == "{torn"
    store.facts.undo()
    assert store.database.value("SELECT value FROM facts") == "{torn"


def test_what_is_rolled_back_leaves_no_change(store: MemoryStore) -> None:
    def half() -> None:
        with store.transaction():
            store.facts.put("work", "k", 1, NOW)
            raise LookupError

    with pytest.raises(LookupError):
        half()
    store.rules.add("r", "stale_backup", {}, NOW)
    with pytest.raises(UsageError, match="exists already"):
        store.rules.add("r", "stale_backup", {}, NOW)
    with pytest.raises(NotFound):
        store.delegations.edit(7, task="x", now=NOW)
    assert [change.name for change in store.changes.list()] == ["rule r"]


def test_changes_of_one_transaction_are_signed_each(store: MemoryStore) -> None:
    other = store.by("task x, run 1")
    with store.transaction():
        store.facts.put("a", "b", 1, NOW)
        other.facts.put("a", "b", 2, NOW + SECOND)
        store.facts.put("a", "b", 3, NOW)
    found = [(change.source, change.changed_at) for change in store.facts.history("a", "b")]
    assert found == [("ada", NOW), ("task x, run 1", NOW + SECOND), ("ada", NOW)]


def test_a_naive_now_is_refused_and_the_present_is_taken_if_there_is_none(store: MemoryStore) -> None:
    with pytest.raises(TypeError):
        store.delegations.delete(1, NOW.replace(tzinfo=None))
    before = datetime.now(UTC)  # noqa: TID251 - the store's own clock is what is tested
    fact = store.facts.put("a", "b", 1)
    assert before <= fact.updated_at <= datetime.now(UTC)  # noqa: TID251
    assert store.changes.list()[0].changed_at == fact.updated_at
    assert fact.source == "ada"


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 501])
def test_an_author_needs_a_name_that_can_be_printed(store: MemoryStore, name: str) -> None:
    with pytest.raises(UsageError, match="who changes the store"):
        store.by(name)


# -- bounds
def test_of_each_row_the_last_changes_stay(store: MemoryStore) -> None:
    store.facts.put("work", "quiet", 0, NOW)
    for number in range(KEPT + 5):
        store.facts.put("work", "busy", number, NOW)
    found = store.facts.history("work", "busy", None)
    assert len(found) == KEPT
    assert [change.after["value"] for change in found[:: KEPT - 1] if change.after] == [KEPT + 4, 5]
    assert len(store.facts.history("work", "quiet")) == 1
    assert len(store.changes.list(limit=3)) == 3
    store.facts.undo()
    assert store.facts.get("work", "busy").value == KEPT + 3  # type: ignore[union-attr]


def test_of_a_large_row_fewer_changes_stay_but_always_the_last(store: MemoryStore) -> None:
    for number in range(8):
        store.facts.put("work", "large", str(number) + "x" * 1_000_000, NOW)
    store.facts.put("work", "small", 0, NOW)
    assert [change.id for change in store.facts.history("work", "large")] == [8, 7, 6]  # each of 2 million and more
    assert store.database.value("SELECT sum (size) FROM changes") < 8_000_000
    store.database.change("UPDATE facts SET value = printf ('%0*d', 9000000, 7) WHERE key = 'large'")
    assert [change.id for change in store.facts.history("work", "large")] == [10]
    store.changes.undo(10)
    assert store.facts.get("work", "large").value[0] == "7"  # type: ignore[union-attr]


def test_pruning_forgets_what_is_older_and_nothing_else(store: MemoryStore) -> None:
    for second in range(4):
        store.facts.put("work", "k", second, NOW + second * SECOND)
    assert store.changes.prune(NOW + 2 * SECOND) == 2
    assert [change.id for change in store.changes.list()] == [4, 3]
    assert store.facts.get("work", "k").value == 3  # type: ignore[union-attr]
    assert store.changes.prune(NOW + 9 * SECOND) == 2
    with pytest.raises(NotFound, match="nothing to undo"):
        store.changes.undo()
    store.facts.put("work", "k", 9, NOW)
    assert store.changes.list()[0].id == 5  # a number is never given twice


def test_the_daemons_pruning_takes_old_changes_too_a_bounded_number_at_a_time(store: MemoryStore) -> None:
    for second in range(6):
        store.facts.put("work", "k", second, NOW + second * SECOND)
    for left in (4, 2, 2):
        assert store.prune(NOW + 4 * SECOND, 0, 2) == (0, None)
        assert len(store.changes.list()) == left
    assert store.facts.get("work", "k").value == 5  # type: ignore[union-attr]


def test_an_id_is_never_given_to_another_row(store: MemoryStore) -> None:
    for noun in ("delegation", "decision", "rule"):
        add(store, noun)
        delete(store, noun)
        add(store, noun)
        assert [row["id"] for row in rows(store, noun)] == [2]


# -- undo
@pytest.mark.parametrize("noun", TABLES)
@pytest.mark.parametrize("act", [add, edit, delete])
def test_undo_puts_back_every_column_and_undoing_that_brings_it_back(
    store: MemoryStore, noun: str, act: Callable[[MemoryStore, str], object]
) -> None:
    if act is not add:
        add(store, noun)
    before = rows(store, noun)
    if act is add and noun == "rule":
        store.rules.add("backup", "stale_backup", {}, NOW)
    else:
        act(store, noun)
    after = rows(store, noun)
    assert after != before
    undone = store.changes.list()[0]
    made = store.changes.undo(noun=noun, now=NOW + 9 * SECOND)
    assert rows(store, noun) == before
    assert (made.undoes, made.source, made.changed_at) == (undone.id, "ada", NOW + 9 * SECOND)
    assert (made.before, made.after) == (undone.after, undone.before)
    again = store.changes.undo(noun=noun, now=NOW + 10 * SECOND)
    assert again.undoes == made.id
    assert rows(store, noun) == after


def test_undo_of_a_rule_leaves_what_evaluating_it_left(store: MemoryStore) -> None:
    store.rules.add("r", "stale_backup", {}, NOW)
    store.rules.disable("r", NOW)
    store.rules.enable("r", NOW)
    store.report([Finding(rule=store.rules.get("r"), text="x")], store.incidents.seen(), 1, UTC, NOW)
    store.rules.undo()
    found = store.rules.get("r")
    assert (found.enabled, found.last_triggered_at) == (False, NOW)


def test_undo_of_a_rule_brings_back_its_channels_and_its_cool_down(store: MemoryStore) -> None:
    before = store.rules.add("r", "disk_low", {"below": "5%"}, NOW, deliver=["me"], cool_down=SECOND)
    store.rules.edit("r", condition={"below": "9%"}, deliver=[], cool_down=2 * SECOND, now=NOW)
    assert store.rules.history("r")[0].before == {
        "id": 1,
        "name": "r",
        "alert_type": "disk_low",
        "condition": {"below": "5%", "path": ""},
        "enabled": True,
        "created_at": NOW,
        "deliver": ["me"],
        "cool_down": "1s",
    }
    store.rules.undo()
    assert store.rules.get("r") == before
    store.rules.delete("r", NOW)
    store.rules.undo()
    assert store.rules.get("r") == before


def test_undo_takes_back_the_authors_own_last_change(store: MemoryStore) -> None:
    store.facts.put("home", "city", "Denver", NOW)
    store.by("task x, run 1").facts.put("work", "k", 1, NOW)
    assert store.changes.undo(now=NOW).name == "fact home/city"
    assert store.facts.get("work", "k") is not None


def test_undo_of_one_noun_passes_over_the_others(store: MemoryStore) -> None:
    add(store, "decision")
    add(store, "fact")
    assert store.decisions.undo().name == "decision 1"
    assert store.facts.get("work", "k") is not None
    with pytest.raises(NotFound, match=r"nothing to undo: ada has changed no rule"):
        store.rules.undo()
    with pytest.raises(NotFound, match=r"change 2 is of a fact, not of a decision"):
        store.decisions.undo(2)
    with pytest.raises(UsageError, match=r"Did you mean delegation\?"):
        store.changes.undo(noun="delegations")
    with pytest.raises(UsageError, match=r"Did you mean fact\?"):
        store.changes.list("facts")


def test_with_nothing_to_undo_that_is_said(store: MemoryStore) -> None:
    store.by("bob").facts.put("a", "b", 1, NOW)
    with pytest.raises(NotFound, match="there is nothing to undo: ada has changed nothing"):
        store.changes.undo()
    with pytest.raises(NotFound, match="no change has the number 7"):
        store.changes.undo(7)


def test_a_change_that_somebody_elses_stands_on_is_not_undone(store: MemoryStore) -> None:
    store.facts.put("work", "k", 1, NOW)
    store.by("task backup, run 7").facts.put("work", "k", 2, NOW)
    with pytest.raises(Conflict, match=r"change 1 of fact work/k .* change 2, by task backup, run 7, stands on it"):
        store.facts.undo()
    assert len(store.changes.list()) == 2


def test_values_that_only_look_equal_are_told_apart(store: MemoryStore) -> None:
    store.facts.put("work", "k", 1, NOW)
    store.by("bob").facts.put("work", "k", True, NOW, source="ada")
    with pytest.raises(Conflict):
        store.facts.undo()


def test_changes_are_undone_one_after_the_other_by_their_numbers(store: MemoryStore) -> None:
    for number in (1, 2, 3):
        store.facts.put("work", "k", number, NOW + number * SECOND)
    for change, left in ((3, 2), (2, 1)):
        store.changes.undo(change)
        assert store.facts.get("work", "k").value == left  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="change 2 of fact work/k is undone already, by change 5"):
        store.changes.undo(2)
    store.changes.undo(1)
    assert store.facts.get("work", "k") is None


def test_a_deleted_row_comes_back_though_its_name_was_used_between(store: MemoryStore) -> None:
    store.facts.put("work", "k", "first", NOW)
    store.facts.delete("work", "k")
    store.facts.put("work", "k", "second", NOW)
    store.facts.delete("work", "k")
    store.changes.undo(2)
    assert store.facts.get("work", "k").value == "first"  # type: ignore[union-attr]


def test_a_deleted_rule_does_not_come_back_over_a_new_one_of_its_name(store: MemoryStore) -> None:
    store.rules.add("r", "stale_backup", {}, NOW)
    store.rules.delete("r")
    store.rules.add("r", "pending_decision", {}, NOW)
    with pytest.raises(Conflict, match="change 2 of rule r cannot be undone: change 3"):
        store.changes.undo(2)
    store.changes.undo(3)
    store.changes.undo(2)
    assert (store.rules.get("r").id, store.rules.get("r").alert_type) == (1, "stale_backup")


def test_the_schema_keeps_out_a_noun_it_does_not_know(store: MemoryStore) -> None:
    with pytest.raises(Refused):
        store.database.change("INSERT INTO changes (noun, identity) VALUES ('task', '1')")


# -- many authors
def test_threads_of_one_process_sign_with_their_own_names(store: MemoryStore) -> None:
    def write(name: str) -> None:
        mine = store.by(name)
        for number in range(50):
            mine.facts.put(name, "k", number)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for name in "abcd":
        assert {change.source for change in store.facts.history(name, "k", None)} == {name}
        assert_chained(store.facts.history(name, "k", None))


WRITER = """
import sys
from jarvis.memory import MemoryStore
store = MemoryStore(sys.argv[1]).by(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(60):
    store.facts.put("work", "shared", [sys.argv[2], number])
"""


@pytest.mark.process
def test_two_processes_that_write_one_fact_lose_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "memory.db")
    store = MemoryStore(path)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, path, name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n", timeout=120)
        assert writer.returncode == 0
    changes = store.facts.history("work", "shared", None)
    assert_chained(changes)
    for name in ("one", "two"):
        said = [change.after["value"] for change in changes if change.after and change.source == name]
        assert said == [[name, number] for number in reversed(range(60))]
    assert store.facts.get("work", "shared").value == changes[0].after["value"]  # type: ignore[union-attr,index]
    store.close()


def assert_chained(changes: list[Change]) -> None:
    """Each began where the one before had ended."""
    assert [change.before for change in changes] == [change.after for change in changes[1:]] + [None]

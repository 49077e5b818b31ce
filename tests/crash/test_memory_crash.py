"""A process that changes the assistant's memory is killed at any moment: a row and its history are one."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from jarvis.memory.store import MemoryStore
from tests.house.tree import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]

PROGRAM = """
import random, sys
from jarvis.errors import JarvisError
from jarvis.memory import MemoryStore
store, choice = MemoryStore(sys.argv[1]).by("child"), random.Random(sys.argv[2])
for number in range(1_000_000):
    key, verb = choice.choice("abc"), choice.choice(["put", "put", "delete", "undo", "add", "edit"])
    try:
        if verb == "put":
            store.facts.put("work", key, {"number": number, "text": "word " * choice.randrange(500)})
        elif verb == "delete":
            store.facts.delete("work", key)
        elif verb == "undo":
            store.changes.undo()
        elif verb == "add":
            store.delegations.add(f"task {number}", "Ann")
        else:
            store.delegations.edit(1 + choice.randrange(5), notes=str(number))
    except JarvisError:
        pass  # nothing to edit or undo
    print(store.changes.list(limit=1)[0].id if number else 0, flush=True)
"""

#: A row as it is beside the end of its last change; what is not the same is what a kill tore apart.
TORN = """
WITH last AS (SELECT noun, identity, after, max (id) FROM changes GROUP BY noun, identity),
     present (noun, identity, whole) AS (
         SELECT 'fact', category || char (31) || key, whole FROM facts
         UNION ALL SELECT 'delegation', CAST (id AS TEXT), whole FROM delegations
     )
SELECT * FROM last FULL JOIN present USING (noun, identity) WHERE after IS NOT whole
"""


def killed_at(path: Path, seed: int, lines: int) -> int:
    """Let a child change the store, and kill it once it has said so many lines: the last change it was sure of."""
    command = [sys.executable, "-c", PROGRAM, str(path), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [int(child.stdout.readline()) for _ in range(lines)]
        child.kill()
        said += [int(line) for line in child.stdout.read().split("\n")[:-1]]
    return said[-1]


def test_a_row_and_its_history_survive_a_kill_together(tmp_path: Path) -> None:
    path, choice = tmp_path / "memory.db", random.Random(6)
    sure_of = 0
    for seed in range(12):
        sure_of = killed_at(path, seed, choice.randint(3, 60))
        store = MemoryStore(str(path))
        changes = store.changes.list(limit=None)
        assert changes[0].id >= sure_of
        assert {change.source for change in changes} == {"child"}
        assert store.database.rows(TORN) == []
        for key in "abc":
            history = store.facts.history("work", key, None)
            assert [change.before for change in history[:-1]] == [change.after for change in history[1:]]
        store.database.change("INSERT INTO facts_words (facts_words) VALUES ('integrity-check')")
        assert store.database.rows("SELECT id FROM facts EXCEPT SELECT rowid FROM facts_words") == []
        assert store.database.rows("SELECT rowid FROM facts_words EXCEPT SELECT id FROM facts") == []
        assert store.database.value("PRAGMA integrity_check") == "ok"
        store.close()
    assert sure_of > 100


@pytest.mark.parametrize("tear", ["UPDATE facts SET value = '2'", "DELETE FROM facts", "DELETE FROM changes"])
def test_a_tear_would_be_seen(tear: str) -> None:
    store = MemoryStore()
    store.facts.put("work", "a", 1)
    assert store.database.rows(TORN) == []
    for name in ("facts_changed", "facts_deleted"):
        store.database.change(f"DROP TRIGGER {name}")
    store.database.change(tear)
    assert len(store.database.rows(TORN)) == 1
    store.close()

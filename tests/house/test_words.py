"""One word for one thing: the words that the glossary rules out stay out of the code and the documents.

Looked at: every identifier, string and comment under src, README.md and docs. Identifiers are split on
snake_case and camelCase first, so `claimLock` and `fire_time` are found as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.house.tree import ROOT, SRC, relative, text_of

#: What not to say, as it looks after splitting, and what to say in its place.
BANNED = {
    r"jobs?": "task (the intention) or run (the ledger row)",
    r"cron entr(?:y|ies)": "task",
    r"trigger(?:s|ed|ing)?": "schedule (the rule) or start (the act)",
    r"fire (?:times?|at)": "occurrence, due_at",
    r"executions?": "run",
    r"backfill(?:s|ed|ing)?": "catch-up",
    r"max instances": "overlap",
    r"locks?": "claim, lease",
    r"acks?|acked": "settle",
    r"rescue(?:s|d)?": "recover",
    r"workers?": "handler",
    r"notifications?": "delivery",
}

#: Names that are not ours to choose, and the few uses of DESIGN itself. They may stand in any file.
PHRASES = {
    r"(?:threading|asyncio|multiprocessing) (?:r )?locks?": "names of the standard library",
    r"import (?:\w+, )*(?:r )?locks?": "the same, imported",
    r"lock (?:ex|sh|nb|un)": "the constants of fcntl",
    r"(?:migration|file|database|write|reserved|advisory) locks?": "those of SQLite and the system",
    r"under a lock": "DESIGN section 6: migrations are applied under a lock",
    r"max workers": "the setting JARVIS_MAX_WORKERS (DESIGN section 7)",
    r"(?:warm )?worker (?:process(?:es)?|threads?|pools?)": "DESIGN section 9: not a handler",
    r"processing jobs": "the table's name (issue 7)",
    r"imessage worker": "imessage-worker.db is the file's name (the seed)",
    r"(?:desktop|display) notifications?": "what the desktop calls its own",
    r"create trigger|drop trigger": "SQL",
    r"last triggered at": "the column's name in the contract with the earlier assistant's store",
    r"pending execution": "the status's name there",
    r"incidents? ack": "the verb `jarvis incident ack`",
    r"jarvis backfill": "the user's own command, the one thing called so (DESIGN section 2)",
}


@dataclass(frozen=True)
class Place:
    """One word that is right in one file."""

    word: str
    file: str
    why: str


PLACES: tuple[Place, ...] = (
    Place("lock", "src/jarvis/memory/sqlite.py", "a mutex between the threads of one process"),
    Place("workers", "src/jarvis/scheduler/workers.py", "the threads, up to JARVIS_MAX_WORKERS"),
    Place("workers", "src/jarvis/app.py", "makes them"),
    Place("worker", "src/jarvis/handlers/worker.py", "`python -m jarvis.handlers.worker`: the module's name"),
    Place("worker", "src/jarvis/handlers/worker_process.py", "starts it by that name"),
    Place("ack", "src/jarvis/cli/incident.py", "the verb `jarvis incident ack`"),
    Place("job", "src/jarvis/service/systemd.py", "systemd's own property: a start that it has not ended"),
)


def split_words(line: str) -> str:
    """`claimLock.fire_time()` -> `claim lock fire time`, keeping commas so that lists stay lists."""
    line = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", line)
    return re.sub(r"[^A-Za-z0-9,]+", " ", line).lower()


def banned_in(line: str) -> list[tuple[str, str]]:
    """(what was said, what to say) for every banned word of a line."""
    words = split_words(line)
    for phrase in PHRASES:
        words = re.sub(rf"\b(?:{phrase})\b", "-", words)
    return [
        (match.group(), say) for pattern, say in BANNED.items() for match in re.finditer(rf"\b(?:{pattern})\b", words)
    ]


def findings(name: str, text: str, places: tuple[Place, ...] = PLACES) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for said, say in banned_in(line):
            if not any(fnmatch(name, place.file) and said == place.word for place in places):
                yield f"{name}:{number}: {said!r}: say {say}"


def spoken_files() -> list[Path]:
    sources = [p for p in SRC.rglob("*") if p.suffix in {".py", ".sql", ".toml", ".html", ".txt"}]
    return sorted(sources + list((ROOT / "docs").rglob("*.md")) + list(ROOT.glob("README.md")))


def test_nothing_is_called_by_a_word_the_glossary_rules_out() -> None:
    found = [line for path in spoken_files() for line in findings(relative(path), text_of(path) or "")]
    assert not found, "\n" + "\n".join(found)


def test_every_exception_is_still_needed() -> None:
    stale = [place for place in PLACES if not needed(place)]
    assert not stale, f"nothing says so any more, drop the exception: {stale}"


def needed(place: Place) -> bool:
    files = [path for path in spoken_files() if fnmatch(relative(path), place.file)]
    lines = [line for path in files for line in (text_of(path) or "").splitlines()]
    return any(place.word == said for line in lines for said, _ in banned_in(line))


@pytest.mark.parametrize(
    "line",
    [
        "def add_job(self):",
        "class JobQueue:",
        "jobs = []",
        "# the cron entry of the user",
        "trigger = Cron('* * * * *')",
        "fireTime = task.next()",
        'raise ValueError("bad fire_time")',
        "max_instances=3",
        "claim_lock = acquire()",
        "WORKER = load_handler()",
        "# ack the message, then rescue it",
        "sends a notification to the channel",
        "Every execution is recorded.",
    ],
)
def test_a_banned_word_is_found(line: str) -> None:
    assert list(findings("made_up.py", line))


@pytest.mark.parametrize(
    "line",
    [
        "import threading, fcntl; guard = threading.Lock()",
        "from threading import Event, Lock",
        "fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "the database is locked",
        "JARVIS_MAX_WORKERS = 8",
        "# runs in a warm worker process",
        'osascript = "display notification"',
        "back, tracks, blocked, package, executor, notify",
    ],
)
def test_other_words_and_names_that_are_not_ours_pass(line: str) -> None:
    assert not list(findings("made_up.py", line))


def test_an_exception_holds_for_its_file_and_word_alone() -> None:
    places = (Place("lock", "src/jarvis/memory/*.py", "made up"),)
    assert not list(findings("src/jarvis/memory/x.py", "lock", places))
    assert list(findings("src/jarvis/cli/x.py", "lock", places))
    assert list(findings("src/jarvis/memory/x.py", "job", places))

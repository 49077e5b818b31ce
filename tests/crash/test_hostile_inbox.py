"""A hostile inbox under a real daemon, and polls that are killed again and again at any moment."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.crash.daemons import Daemons, let_pass, say, seeded
from tests.house.tree import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]

GOOD = '{"source": "s", "event_type": "t", "payload": %s}'
ROUNDS = int(os.environ.get("INBOX_ROUNDS") or 30)
GROWTH = 64 << 10  # KiB that a hostile inbox may cost at its worst moment


def events(home: Path) -> list[Any]:
    path = f"file:{home}/data/memory.db?mode=ro"
    with closing(sqlite3.connect(path, uri=True, timeout=10)) as reader:
        return [json.loads(text) for (text,) in reader.execute("SELECT payload FROM webhook_events ORDER BY id")]


def polls(home: Path) -> Counter[str]:
    with closing(sqlite3.connect(f"file:{home}/data/memory.db?mode=ro", uri=True, timeout=10)) as reader:
        sql = "SELECT state FROM runs r JOIN tasks t ON t.id = task_id WHERE handler = 'webhook_poll'"
        return Counter(state for (state,) in reader.execute(sql))


def peak(pid: int) -> int:
    """The most memory a process has held, in KiB."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


FIREFOX = "🦊".encode()
REFUSED: dict[bytes, bytes] = {
    b"truncated.json": b'{"source": "s", ',
    b"mark.json": b"\xef\xbb\xbf" + (GOOD % 1).encode(),
    b"utf16.json": (GOOD % 1).encode("utf-16"),
    b"nul.json": (GOOD % 1).encode() + b"\0",
    b"brackets.json": (GOOD % ("[" * 100_000 + "]" * 100_000)).encode(),
    b"nan.json": (GOOD % "NaN").encode(),
    b"twice.json": b'{"source": "s", "source": "t", "event_type": "t", "payload": 1}',
    b"5mb.json": (GOOD % ('"' + "x" * 5_000_000 + '"')).encode(),
    b"empty.json": b"",
    b"-rf.json": b"no",
    b"new\nline.json": b"no",
    FIREFOX + b".json": b"no",
    b"\xff\xfe.json": b"no",
    b"x" * 250 + b".json": b"no",
}
TAKEN = (
    *(b"--help.json", b"new\nline too.json", FIREFOX * 3 + b".json"),
    *(b"\xfe.json", b"y" * 250 + b".json", b"$(reboot).json"),
)


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read from /proc")
def test_a_hostile_inbox_ends_as_documented_and_costs_no_memory(
    daemons: Daemons, eventually: Callable[..., None], tmp_path: Path
) -> None:
    home = daemons.home
    inbox = home / "data" / "webhook-inbox"
    daemon = daemons.start()
    eventually(lambda: polls(home)["succeeded"], within=60)
    before = peak(daemon.pid)
    outside = tmp_path / "outside.json"
    outside.write_text(GOOD % 1)
    (inbox / "folder.json").mkdir()
    (inbox / "link.json").symlink_to(outside)
    (inbox / "dangling.json").symlink_to(tmp_path / "nothing")
    os.mkfifo(inbox / "fifo.json")
    for name, content in REFUSED.items():
        (inbox / os.fsdecode(name)).write_bytes(content)
    for number, name in enumerate(TAKEN):
        (inbox / os.fsdecode(name)).write_text(GOOD % number)
    (inbox / "lists.json").write_text(GOOD % ("[" + ",".join(["[[]]"] * 200_000) + "]"))  # no more values fit
    (inbox / "last.json").write_text(GOOD % 0 + " ")  # the same payload, and not the same content
    slow = inbox / "slow.json"
    slow.write_text((GOOD % 99)[:20])
    left = {"folder.json", "link.json", "dangling.json", "fifo.json"}

    def only_left() -> bool:
        return {path.name for path in inbox.iterdir()} - {"processed", "failed"} == left

    let_pass(eventually, 1.5)
    slow.write_text(GOOD % 99)  # its author had paused
    eventually(only_left, within=60)
    assert sorted(each for each in events(home) if isinstance(each, int)) == [0, 0, 1, 2, 3, 4, 5, 99]
    assert [len(each) for each in events(home) if isinstance(each, list)] == [200_000]
    failed = [path for path in (inbox / "failed").iterdir() if not path.name.endswith(".reason.json")]
    assert sorted(path.read_bytes() for path in failed) == sorted(REFUSED.values())
    reasons = {path.name: json.loads(path.read_bytes())["reason"] for path in (inbox / "failed").glob("*.reason.json")}
    assert len(reasons) == len(REFUSED)
    assert reasons["brackets.json.reason.json"] == "nested more than 100 deep"
    assert outside.read_text() == GOOD % 1
    say(f"the daemon's most memory: {before} KiB before, {peak(daemon.pid)} KiB after")
    assert peak(daemon.pid) - before < GROWTH
    assert daemons.stop() == [0]
    assert set(polls(home)) == {"succeeded"}


class Dropper:
    """Drops files of every kind by rename, and knows what must become of them."""

    def __init__(self, inbox: Path, chance: random.Random) -> None:
        self.inbox = inbox
        self.chance = chance
        self.payloads: set[int] = set()
        self.bad: list[str] = []
        self.duplicates = 0
        self.count = 0

    def some(self) -> None:
        for _ in range(self.chance.randrange(1, 30)):
            self.one()

    def one(self) -> None:
        self.count += 1
        kind, name = self.chance.random(), f"{self.chance.randrange(40)}-{self.count}.json"
        if kind < 0.15:
            self.bad.append(content := f"torn {self.count}")
        elif kind < 0.3 and self.payloads:
            again = self.chance.choice(sorted(self.payloads))
            self.duplicates += 1
            content = self.chance.choice([self.event(again), self.event(again) + " "])  # its content, or its id alone
        else:
            self.payloads.add(self.count)
            content = self.event(self.count)
        part = self.inbox / ".part"
        part.write_text(content)
        os.utime(part, (1, self.count))  # long quiet: what is torn is refused at the second look
        part.rename(self.inbox / name)

    @staticmethod
    def event(number: int) -> str:
        return f'{{"source": "s", "event_type": "t", "id": {number}, "payload": {number}}}'


def test_polls_killed_at_any_moment_lose_nothing_and_take_nothing_in_twice(tmp_path: Path) -> None:
    chance = seeded()
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    dropper = Dropper(inbox, chance)
    killed, polling = 0, [sys.executable, "-m", "tests.crash.inbox_child", str(tmp_path)]
    dropper.some()
    began = time.monotonic()
    subprocess.run(polling, cwd=ROOT, check=True, timeout=60)
    usual = time.monotonic() - began  # on this machine, with what else it does
    for _ in range(ROUNDS):
        dropper.some()
        child, began = subprocess.Popen(polling, cwd=ROOT), time.monotonic()
        try:
            child.wait(chance.uniform(0.2, 0.8) * usual)
            usual = min(usual, time.monotonic() - began)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            killed += child.wait() == -signal.SIGKILL
    subprocess.run(polling, cwd=ROOT, check=True, timeout=60)
    told = f"{dropper.count} files, {len(dropper.payloads)} events, {len(dropper.bad)} bad"
    say(f"{ROUNDS} rounds, {killed} killed, {told}, {dropper.duplicates} duplicates")
    (tmp_path / "data").mkdir()
    (tmp_path / "memory.db").rename(tmp_path / "data" / "memory.db")
    found = events(tmp_path)
    assert sorted(found) == sorted(dropper.payloads)
    assert {path.name for path in inbox.iterdir()} == {"processed", "failed"}
    kept = [path.read_text() for path in (inbox / "processed").iterdir() if ".duplicate." not in path.name]
    assert len(kept) == len(dropper.payloads) + dropper.duplicates
    failed = {path.name: path.read_text() for path in (inbox / "failed").iterdir() if path.name[0] != "."}
    bad = {name: text for name, text in failed.items() if not name.endswith(".reason.json")}
    assert sorted(bad.values()) == sorted(dropper.bad)
    assert set(failed) - set(bad) == {f"{name}.reason.json" for name in bad}
    assert all(json.loads(failed[f"{name}.reason.json"])["reason"].startswith("no JSON") for name in bad)
    assert killed > ROUNDS // 10

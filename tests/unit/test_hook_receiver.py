"""One request, one answer: what is dropped into the inbox, what is refused with which status, what is a redelivery."""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jarvis.handlers.inbox import parse
from jarvis.hooks import drop as dropping
from jarvis.hooks import receiver as receiving
from jarvis.hooks.drop import drop, sweep
from jarvis.hooks.receiver import Answer, Receiver, Sender
from jarvis.hooks.replays import Rate, Replays
from jarvis.settings.sources import Source, read_sources
from jarvis.testing import FakeClock

JSON = {"content-type": "application/json", "host": "127.0.0.1:8484"}
KEY = b"key"


class Hooks:
    """A receiver over an empty inbox, with one source of each kind."""

    def __init__(self, inbox: Path) -> None:
        inbox.mkdir()
        self.inbox = inbox
        self.clock = FakeClock()
        tables: dict[str, dict[str, Any]] = {
            "github": {"signature": "github", "secret": "${env:X}"},
            "stripe": {"signature": "stripe", "secret": "${env:X}"},
            "bell": {"signature": "none"},
            "slow": {"signature": "none", "per_minute": 2},
            "typed": {"signature": "none", "type_field": "a.b", "id_field": "n"},
        }
        sources, wrong = read_sources(tables)
        assert not wrong
        self.receiver = Receiver(inbox, {name: self.sender(each) for name, each in sources.items()}, self.clock, parse)

    @staticmethod
    def sender(source: Source) -> Sender:
        return Sender(source, (KEY,), Rate(source.per_minute))

    def post(self, name: str, body: str, near: bool = True, **headers: str) -> Answer:
        given = JSON | {key.replace("_", "-").lower(): value for key, value in headers.items()}
        return self.receiver.receive(name, given, body.encode(), near=near)

    def github(self, body: str, delivery: str = "d1", event: str = "push") -> Answer:
        signed = hmac.new(KEY, body.encode(), hashlib.sha256).hexdigest()
        return self.post("github", body, near=False, X_GitHub_Event=event, X_GitHub_Delivery=delivery,
                         X_Hub_Signature_256=f"sha256={signed}")  # fmt: skip

    def dropped(self) -> list[Any]:
        return [json.loads(path.read_bytes()) for path in sorted(self.inbox.iterdir())]


@pytest.fixture
def hooks(tmp_path: Path) -> Hooks:
    return Hooks(tmp_path / "inbox")


def test_an_event_is_a_file_that_the_poll_takes_in(hooks: Hooks) -> None:
    body = '{"ref": "main", "n": 1.50}'
    assert hooks.github(body) == Answer(202, {"accepted": True, "id": "d1"})
    (path,) = hooks.inbox.iterdir()
    event = parse(path.read_bytes())
    assert (event.source, event.event_type, event.key, bytes(event.payload).decode()) == ("github", "push", "d1", body)
    assert path.name.startswith("20260302T090000.000000Z-github-")
    assert path.stat().st_mode & 0o777 == 0o600


def test_files_are_named_in_the_order_of_arrival(hooks: Hooks) -> None:
    for number in range(20):
        hooks.clock.advance(timedelta(microseconds=700))
        hooks.post("bell", str(number))
    assert [each["payload"] for each in hooks.dropped()] == list(range(20))


def test_a_redelivery_is_answered_well_and_dropped_once(hooks: Hooks) -> None:
    again = Answer(200, {"accepted": True, "id": "d1", "duplicate": True})
    assert [hooks.github("{}").status, hooks.github("{}"), hooks.github('{"other": 1}')] == [202, again, again]
    assert len(hooks.dropped()) == 1


def test_what_github_signed_once_is_a_replay_under_another_delivery_id(hooks: Hooks) -> None:
    assert [hooks.github("{}", f"d{number}").status for number in range(3)] == [202, 200, 200]
    assert hooks.github('{"n": 1}', "d1").status == 202


def test_stripe_has_type_and_id_in_its_body(hooks: Hooks) -> None:
    body, at = '{"id": "evt_1", "type": "charge.paid"}', int(hooks.clock.now().timestamp())
    signed = hmac.new(KEY, f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    assert hooks.post("stripe", body, Stripe_Signature=f"t={at},v1={signed}").status == 202
    (event,) = hooks.dropped()
    assert (event["event_type"], event["id"], event["payload"]["id"]) == ("charge.paid", "evt_1", "evt_1")
    hooks.clock.advance(timedelta(minutes=6))
    late = hooks.post("stripe", body, Stripe_Signature=f"t={at},v1={signed}")
    assert (late.status, "off by more than" in late.body["error"]) == (401, True)


def test_each_unsigned_request_is_an_event_unless_it_says_which(hooks: Hooks) -> None:
    assert [hooks.post("bell", "{}").status for _ in range(3)] == [202] * 3
    assert [hooks.post("bell", "{}", Idempotency_Key="k").status for _ in range(3)] == [202, 200, 200]
    assert [hooks.post("typed", '{"a": {"b": "t"}, "n": 7}').status for _ in range(2)] == [202, 200]
    assert len({each["id"] for each in hooks.dropped()}) == 5
    assert {each["event_type"] for each in hooks.dropped()} == {"event", "t"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "the body is no JSON"),
        ("{", "the body is no JSON"),
        ('1, "source": "evil"', "the body is no JSON"),
        ('1}, "source": "evil", "x": {', "the body is no JSON"),
        ("\ufeff{}", "the body is no JSON"),
        ("NaN", "the body is no JSON"),
        ("[" * 100_000, "nested too deeply|no JSON"),
        ("[" * 150 + "]" * 150, "nested more than 100 deep"),
        ('{"a": 1, "a": 2}', "the name 'a' twice"),
        ('{"type": "a\\nb"}', "event_type is"),
        ('"\\ud800"', "no JSON"),
    ],
)
def test_what_the_poll_would_refuse_is_refused_at_the_door(hooks: Hooks, body: str, said: str) -> None:
    answer = hooks.post("bell", body)
    assert answer.status == 400
    with pytest.raises(ValueError, match=said):
        raise ValueError(answer.body["error"])
    assert hooks.dropped() == []


def test_bytes_that_are_no_text_are_refused(hooks: Hooks) -> None:
    assert hooks.receiver.receive("bell", JSON, b'"\xff"', near=True).status == 400


def test_an_event_without_a_type_is_refused(hooks: Hooks) -> None:
    answer = hooks.github("{}", event="")
    assert answer == Answer(400, {"error": "no event type: the header X-GitHub-Event is missing or no text"})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"x-forwarded-for": "1.2.3.4"},
        {"host": "evil.example"},
        {"host": "evil.example:8484"},
        {"host": ""},
        {"host": "10.0.0.1:8484"},
    ],
    ids=str,
)
def test_an_unsigned_source_is_open_to_programs_of_this_machine_alone(hooks: Hooks, headers: dict[str, str]) -> None:
    assert hooks.receiver.receive("bell", JSON | headers, b"{}", near=True).status == 403
    assert hooks.receiver.receive("bell", JSON, b"{}", near=False).status == 403
    assert hooks.receiver.receive("bell", JSON | {"content-type": "text/plain"}, b"{}", near=True).status == 400
    for host in ("localhost:1", "localhost", "[::1]:8484", "[::1]", "127.0.0.2"):
        assert hooks.receiver.receive("bell", JSON | {"host": host}, b"{}", near=True).status == 202


def test_a_flood_is_told_how_long_to_wait(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(receiving, "monotonic", lambda: now)
    assert [hooks.post("slow", "1").status for _ in range(2)] == [202, 202]
    answer = hooks.post("slow", "1")
    assert (answer.status, answer.retry_after, answer.body) == (429, 30, {"error": "more than 2 events a minute"})
    assert hooks.post("bell", "1").status == 202
    now += 30
    assert [hooks.post("slow", "1").status for _ in range(2)] == [202, 429]


def test_a_full_inbox_takes_no_more(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks.receiver, "_room", dropping.Room(hooks.inbox, 2))
    assert [hooks.post("bell", "1").status for _ in range(2)] == [202, 202]  # looked at once a second
    monkeypatch.setattr(hooks.receiver, "_room", dropping.Room(hooks.inbox, 2))
    answer = hooks.post("bell", "1")
    assert (answer.status, answer.retry_after) == (503, 60)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("where", ["fsync", "rename"])
def test_a_disk_that_fails_is_no_success_and_leaves_nothing(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch, number: int, where: str
) -> None:
    def failing(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync", failing) if where == "fsync" else (Path, "rename", failing)))
        answer = hooks.github("{}")
    said = "it could not be written" if number == errno.EIO else "no space is left for it"
    assert (answer.status, answer.body, answer.retry_after) == (503, {"error": said}, 60)
    assert list(hooks.inbox.iterdir()) == []
    assert hooks.github("{}").status == 202  # and it is no duplicate of what was not kept


def test_success_is_told_only_after_file_and_folder_are_synced(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    assert hooks.post("bell", "1").status == 202
    assert steps == ["file", "rename", "folder"]


def test_what_a_killed_process_left_half_written_is_swept_once_it_is_old(tmp_path: Path) -> None:
    drop(tmp_path, "a.json", b"1")
    (tmp_path / ".hook-b.json.tmp").write_bytes(b"half")
    made = (tmp_path / ".hook-b.json.tmp").stat().st_mtime
    assert [sweep(tmp_path, made + 10), sweep(tmp_path, made + 7200)] == [0, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_is_remembered_is_bounded_in_time_and_number() -> None:
    replays = Replays(window=10, most=3)
    for number in range(5):
        replays.keep(number, float(number))
    assert [replays.known(number, 5.0) for number in range(6)] == [False, False, True, True, True, False]
    assert [replays.known(4, 13.9), replays.known(4, 14.0)] == [True, False]
    replays.keep(9, 30.0)
    assert len(replays._seen) == 1

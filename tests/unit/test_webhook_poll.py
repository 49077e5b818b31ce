"""The inbox: what is taken in, what is refused and why, and what is left alone; once each, whatever happens."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jarvis.errors import StoreError
from jarvis.handlers import inbox_files, inbox_moves
from jarvis.handlers import webhook_poll as polling
from jarvis.handlers.inbox import DEEPEST, Refused, parse
from jarvis.handlers.webhook_poll import Limits, webhook_poll
from jarvis.memory.store import MemoryStore
from jarvis.scheduler.model import Result, RunState
from tests.contexts import a_context

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
GOOD = b'{"source": "github", "event_type": "push", "payload": {"n": 1}}'
TORN = b'{"source": "github", "event_ty'


def event(payload: str) -> bytes:
    return f'{{"source": "s", "event_type": "t", "payload": {payload}}}'.encode()


class Inbox:
    """An inbox with its store, polled when told; waiting is recorded, and may be given something to do."""

    def __init__(self, folder: Path, store: MemoryStore) -> None:
        self.folder = folder
        self.store = store
        self.waited: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def drop(self, name: str | bytes, content: bytes = GOOD) -> Path:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / os.fsdecode(name)
        path.write_bytes(content)
        return path

    def poll(self, limits: Limits | None = None, cancelled: Callable[[], bool] = lambda: False) -> Result:
        held: dict[str, Any] = {"params": {}, "now": NOW, "cancelled": cancelled, "memory": self.store}
        context = msgspec.structs.replace(a_context(), **held)
        return webhook_poll(self.folder, limits=limits, wait=self._wait)(context)

    def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.meanwhile()

    def names(self, folder: str = ".") -> list[str]:
        return sorted(path.name for path in (self.folder / folder).iterdir() if not path.is_dir())

    def payloads(self) -> list[Any]:
        return [event.payload for event in reversed(self.store.events.list(None))]

    def reason(self, name: str) -> str:
        said = json.loads((self.folder / "failed" / f"{name}.reason.json").read_bytes())
        assert said.keys() == {"file", "reason", "at"}
        assert datetime.fromisoformat(said["at"]) == NOW
        return str(said["reason"])


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    store = MemoryStore()
    yield Inbox(tmp_path / "inbox", store)
    store.close()


# -- the plain way
def test_a_missing_inbox_is_made_for_its_owner_alone(inbox: Inbox) -> None:
    result = inbox.poll()
    assert (result.state, result.reason, inbox.waited) == (RunState.SUCCEEDED, "no events", [])
    for folder in (inbox.folder, inbox.folder / "processed", inbox.folder / "failed"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_valid_file_is_stored_and_moved_however_young_it_is(inbox: Inbox) -> None:
    path = inbox.drop("a.json")
    mtime = path.stat().st_mtime_ns
    assert inbox.poll().reason == "1 event"
    (stored,) = inbox.store.events.list()
    assert (stored.source, stored.event_type, stored.payload) == ("github", "push", {"n": 1})
    assert (stored.file_name, stored.file_mtime, stored.received_at) == ("a.json", mtime, NOW)
    assert (inbox.names(), inbox.names("processed"), inbox.waited) == ([], ["a.json"], [])
    assert inbox.poll().reason == "no events"


def test_a_torn_file_is_refused_with_its_reason_once_it_has_been_quiet(inbox: Inbox) -> None:
    inbox.drop("torn.json", TORN)
    inbox.drop("whole.json")
    result = inbox.poll()
    assert (result.state, result.reason) == (RunState.SUCCEEDED, "1 event, 1 refused")
    assert result.data["refused"] == [{"file": "torn.json", "reason": inbox.reason("torn.json")}]
    assert inbox.reason("torn.json") == "no JSON: Input data was truncated"
    assert (inbox.folder / "failed" / "torn.json").read_bytes() == TORN
    assert (inbox.names(), inbox.waited) == ([], [0.5] * 10)


def test_files_are_taken_in_by_name(inbox: Inbox) -> None:
    for name in ("b", "a", "10", "9"):
        inbox.drop(f"{name}.json", event(f'"{name}"'))
    inbox.poll()
    assert inbox.payloads() == ["10", "9", "a", "b"]


def test_the_payload_may_be_anything_and_is_kept_to_the_letter(inbox: Inbox) -> None:
    texts = ["null", "0", '"é\\u00e9\\u0000"', "[]", "1.10", "123456789012345678901234567890", '{"a": {"b": [1]}}']
    for number, text in enumerate(texts):
        inbox.drop(f"{number}.json", event(text))
    assert inbox.poll().reason == f"{len(texts)} events"
    kept = inbox.store.database.rows("SELECT payload FROM webhook_events ORDER BY id")
    assert [text for (text,) in kept] == texts
    assert inbox.payloads() == [json.loads(text) for text in texts]


# -- hostile content
CONTENT: list[tuple[str, bytes, str]] = [
    ("empty", b"", "empty"),
    ("blank", b" \n", "empty"),
    ("truncated", TORN, "no JSON: Input data was truncated"),
    ("trailing", GOOD + b" x", "no JSON: .*trailing characters"),
    ("two values", GOOD + GOOD, "no JSON: .*trailing characters"),
    ("UTF-8 mark", b"\xef\xbb\xbf" + GOOD, "UTF-8 with a byte order mark: save it as plain UTF-8"),
    ("UTF-16", GOOD.decode().encode("utf-16"), "UTF-16: save it as plain UTF-8"),
    ("UTF-16 without mark", GOOD.decode().encode("utf-16-le"), "holds NUL bytes"),
    ("UTF-32", GOOD.decode().encode("utf-32"), "UTF-16: save|holds NUL"),
    ("NUL at the end", GOOD + b"\0", "holds NUL bytes"),
    ("all NUL", b"\0" * 4096, "holds NUL bytes"),
    ("Latin-1", event('"\u00e9"').decode().encode("latin-1"), "no UTF-8 at byte 47"),
    ("half a pair", event('"\\ud800"'), "no JSON"),
    ("NaN", event("NaN"), "no JSON: .*invalid character"),
    ("Infinity", event("-Infinity"), "no JSON"),
    ("a huge float", event("1e999"), "no event: Number out of range"),
    ("a huge number", event("9" * 5000), "no event: Integer value out of range"),
    ("100,000 brackets", event("[" * 100_000 + "]" * 100_000), "nested more than 100 deep"),
    ("100,000 braces", event('{"a":' * 100_000 + "1" + "}" * 100_000), "nested more than 100 deep"),
    ("open brackets", event("[" * 100_000), "nested more than|no JSON"),
    ("too deep", event("[" * (DEEPEST + 1) + "1" + "]" * (DEEPEST + 1)), "nested more than 100 deep"),
    ("a name twice", GOOD[:-1] + b', "source": "evil"}', "the name 'source' twice in one object"),
    ("a name twice inside", event('[{"a": 1, "b": {}, "\\u0061": 2}]'), "the name 'a' twice"),
    ("no payload", b'{"source": "s", "event_type": "t"}', "no event: .*missing required field `payload`"),
    ("no source", b'{"event_type": "t", "payload": 1}', "missing required field `source`"),
    ("a list", b"[" + GOOD + b"]", "no event: Expected `object`, got `array`"),
    ("null", b"null", "no event: Expected `object`, got `null`"),
    ("a number as source", b'{"source": 1, "event_type": "t", "payload": 1}', "Expected `str`, got `int`"),
    ("an empty source", b'{"source": "", "event_type": "t", "payload": 1}', "source is '': use 1 to 200"),
    ("a newline in the type", b'{"source": "s", "event_type": "a\\nb", "payload": 1}', "event_type is"),
    ("NUL in the type", b'{"source": "s", "event_type": "a\\u0000", "payload": 1}', "event_type is"),
    ("a long source", f'{{"source": "{"x" * 201}", "event_type": "t", "payload": 1}}'.encode(), "source is"),
    ("comments", b"// hello\n" + GOOD, "no JSON"),
    ("single quotes", GOOD.replace(b'"', b"'"), "no JSON"),
    ("5 MB", event('"' + "x" * 5_000_000 + '"'), "5000049 bytes: more than the 1048576 allowed"),
]


@pytest.mark.parametrize(("content", "reason"), [case[1:] for case in CONTENT], ids=[case[0] for case in CONTENT])
def test_what_is_no_event_is_refused_with_a_clear_reason(inbox: Inbox, content: bytes, reason: str) -> None:
    inbox.drop("bad.json", content)
    inbox.drop("good.json")
    result = inbox.poll()
    assert (result.state, result.reason) == (RunState.SUCCEEDED, "1 event, 1 refused")
    with pytest.raises(Refused, match=reason):
        raise Refused(inbox.reason("bad.json"))
    assert len(inbox.reason("bad.json")) < 300
    assert (inbox.folder / "failed" / "bad.json").read_bytes() == content
    assert inbox.names() == []


@pytest.mark.parametrize(
    "content",
    [
        GOOD + b"\n",
        b"\r\n\t " + GOOD,
        GOOD[:-1] + b', "id": "7", "more": [1, 2]}',
        event("[" * (DEEPEST - 1) + "[1]" + "]" * (DEEPEST - 1)),
        event(json.dumps("[{" * 1000)),
        event('{"a": {"a": {"a": 1}}, "A": 2}'),
        event('"' + "x" * ((1 << 20) - len(event('""'))) + '"'),
    ],
    ids=["newline", "blanks", "more members", "deepest", "brackets in text", "names apart", "just small enough"],
)
def test_what_is_odd_but_an_event_is_taken_in(inbox: Inbox, content: bytes) -> None:
    inbox.drop("odd.json", content)
    assert inbox.poll().reason == "1 event"


def test_many_names_in_one_object_are_looked_through_quickly() -> None:
    many = "{" + ",".join(f'"k{number}": 1' for number in range(50_000)) + ', "k7": 2}'
    with pytest.raises(Refused, match="the name 'k7' twice"):
        parse(event(many))


# -- hostile names
def long(stem: str) -> str:
    return stem * ((255 - 5) // len(stem.encode())) + ".json"


NAMES: list[str | bytes] = [
    "-rf.json", "a\nb.json", "🦊.json", "a b'\";$(x).json", "x.json.json", "\x1b[31m.json",
    b"\xff\xfe.json", long("x"), long("é"), "CON.json", "x.reason.json",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_is_taken_in_and_moved(inbox: Inbox, name: str | bytes) -> None:
    inbox.drop(name)
    inbox.drop(b"2" + os.fsencode(name)[1:], TORN)
    assert inbox.poll().reason == "1 event, 1 refused"
    assert (inbox.names(), len(inbox.names("processed")), len(inbox.names("failed"))) == ([], 1, 2)
    inbox.drop(name, event("2"))
    inbox.drop(b"2" + os.fsencode(name)[1:], TORN + b" ")
    assert inbox.poll().reason == "1 event, 1 refused"
    assert (inbox.names(), len(inbox.names("processed")), len(inbox.names("failed"))) == ([], 2, 4)


def test_the_same_name_again_overwrites_nothing(inbox: Inbox) -> None:
    for number in range(12):
        inbox.drop("x.json", event(str(number)))
        inbox.drop("y.json", TORN + b" " * number)
        assert inbox.poll().reason == "1 event, 1 refused"
    assert inbox.payloads() == list(range(12))
    kept = {(inbox.folder / "processed" / name).read_bytes() for name in inbox.names("processed")}
    assert kept == {event(str(number)) for number in range(12)}
    names = ["y.json", *(f"y-{number}.json" for number in range(1, 12))]
    assert inbox.names("failed") == sorted([*names, *(f"{name}.reason.json" for name in names)])


def test_the_same_content_under_another_name_or_at_another_time_is_a_duplicate_and_told_so(inbox: Inbox) -> None:
    inbox.drop("a.json")
    inbox.drop("b.json")
    result = inbox.poll()
    assert result.reason == "1 event, 1 duplicate"
    told = "the same content as event 1, which came as a.json"
    assert result.data["duplicates"] == [{"file": "b.json", "reason": told}]
    assert inbox.names("processed") == ["a.json", "b.json", "b.json.duplicate.json"]
    os.utime(inbox.drop("a.json"), ns=(5, 5))
    assert inbox.poll().reason == "no events, 1 duplicate"
    said = json.loads((inbox.folder / "processed" / "a-1.json.duplicate.json").read_bytes())
    assert said == {"file": "a.json", "reason": told, "at": NOW.isoformat()}
    assert len(inbox.payloads()) == 1


def test_the_same_id_of_a_source_is_one_event_whatever_else_the_file_holds(inbox: Inbox) -> None:
    def made(source: str, identity: str, payload: int) -> bytes:
        return f'{{"source": "{source}", "event_type": "t", "id": {identity}, "payload": {payload}}}'.encode()

    files = [("s", '"7"', 1), ("s", "7", 2), ("other", "7", 3), ("s", "8", 4), ("s", "null", 5), ("s", "null", 6)]
    for number, (source, identity, payload) in enumerate(files):
        inbox.drop(f"{number}.json", made(source, identity, payload))
    result = inbox.poll()
    assert result.reason == "5 events, 1 duplicate"
    told = "the same id '7' as event 1, which came as 0.json"
    assert result.data["duplicates"] == [{"file": "1.json", "reason": told}]
    assert [event.event_id for event in reversed(inbox.store.events.list())] == ["7", "7", "8", None, None]
    assert inbox.payloads() == [1, 3, 4, 5, 6]


def test_a_file_named_like_the_reason_of_another_is_not_overwritten_by_it(inbox: Inbox) -> None:
    inbox.drop("x.json.reason.json", b"mine")
    inbox.poll()
    inbox.drop("x.json", TORN)
    assert inbox.poll().reason == "no events, 1 refused"
    assert (inbox.folder / "failed" / "x.json.reason.json").read_bytes() == b"mine"
    assert inbox.names("failed") == sorted(
        ["x.json.reason.json", "x.json.reason.json.reason.json", "x-1.json", "x-1.json.reason.json"]
    )


def test_a_file_that_was_taken_in_before_is_only_moved(inbox: Inbox) -> None:
    path = inbox.drop("x.json")
    inbox.poll()
    (inbox.folder / "processed" / "x.json").rename(path)
    assert inbox.poll().reason == "no events, 1 taken in before"
    assert (len(inbox.payloads()), inbox.names(), inbox.names("processed")) == (1, [], ["x.json"])


# -- what is left alone
def test_links_folders_devices_dotfiles_and_parts_are_left_alone(inbox: Inbox, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_bytes(GOOD)
    inbox.drop("real.json")
    (inbox.folder / "link.json").symlink_to(outside)
    (inbox.folder / "dangling.json").symlink_to(tmp_path / "nothing")
    (inbox.folder / "folder.json").mkdir()
    os.mkfifo(inbox.folder / "fifo.json")
    for name in (".hidden.json", ".json", "x.tmp", "x.json.tmp", "x.json.part", "x.JSON", "json"):
        inbox.drop(name)
    before = set(inbox.names())
    assert inbox.poll().reason == "1 event, 4 passed over (no plain file)"
    assert set(inbox.names()) == before - {"real.json"}
    assert outside.read_bytes() == GOOD


def test_what_is_passed_over_is_named_with_what_it_is(inbox: Inbox, tmp_path: Path) -> None:
    inbox.folder.mkdir()
    (inbox.folder / "dangling.json").symlink_to(tmp_path / "nothing")
    (inbox.folder / "folder.json").mkdir()
    os.mkfifo(inbox.folder / "fifo.json")
    link = "a link: links are not followed, put the file itself here"
    assert inbox.poll().data["passed_over"] == [
        {"file": "dangling.json", "reason": link},
        {"file": "fifo.json", "reason": "no plain file"},
        {"file": "folder.json", "reason": "a folder: only files are taken in"},
    ]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_what_turns_into_an_oddity_after_it_was_listed_is_left_alone(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = inbox.drop("x.json")
    real = inbox_files._read

    def swapped(path: Path, most: int) -> Any:
        path.rename(path.with_suffix(".old"))
        if kind == "link":
            path.symlink_to("x.old")
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            path.mkdir()
        return real(path, most)

    monkeypatch.setattr(inbox_files, "_read", swapped)
    assert inbox.poll().reason == "no events, 1 left"
    assert os.path.lexists(path)


def test_a_young_file_that_still_grows_waits_for_the_next_poll(inbox: Inbox) -> None:
    path = inbox.drop("x.json", GOOD[:20])
    inbox.meanwhile = lambda: path.write_bytes(GOOD[:30])
    result = inbox.poll()
    assert result.reason == "no events, 1 left"
    said = "may still be being written: no JSON: Input data was truncated"
    assert result.data["left"] == [{"file": "x.json", "reason": said}]
    path.write_bytes(GOOD)
    assert inbox.poll().reason == "1 event"


def test_a_writer_that_pauses_for_less_than_the_quiet_time_is_waited_for(inbox: Inbox) -> None:
    path = inbox.drop("slow.json", GOOD[:20])

    def go_on() -> None:
        if len(inbox.waited) == 9:  # 4.5 s
            path.write_bytes(GOOD)

    inbox.meanwhile = go_on
    assert (inbox.poll().reason, len(inbox.waited)) == ("1 event", 9)


def test_a_file_that_has_long_been_quiet_is_refused_at_the_second_look(inbox: Inbox) -> None:
    for number, age in enumerate((0, 3, 4.75, 60, 10**6)):
        at = round((NOW.timestamp() - age) * 1e9)
        os.utime(inbox.drop(f"{number}.json", TORN + b" " * number), ns=(at, at))
    gone: list[list[str]] = []
    inbox.meanwhile = lambda: gone.append(inbox.names())
    assert inbox.poll().reason == "no events, 5 refused"
    assert gone == [
        ["0.json", "1.json", "2.json", "3.json", "4.json"],
        *[["0.json", "1.json"]] * 3,
        *[["0.json"]] * 6,
    ]


def test_files_that_arrive_while_another_is_waited_for_are_not_held_up(inbox: Inbox) -> None:
    inbox.drop("torn.json", TORN)
    stored: list[int] = []

    def arrive() -> None:
        stored.append(len(inbox.payloads()))
        inbox.drop(f"{len(inbox.waited)}.json", event(str(len(inbox.waited))))

    inbox.meanwhile = arrive
    assert inbox.poll().reason == "10 events, 1 refused"
    assert stored == list(range(10))


def test_a_doubtful_file_that_its_author_takes_away_is_waited_for_no_longer(inbox: Inbox) -> None:
    path = inbox.drop("x.json", TORN)
    inbox.meanwhile = path.unlink
    assert (inbox.poll().reason, inbox.waited) == ("no events", [0.5])


def test_a_file_that_is_complete_at_the_second_look_is_taken_in(inbox: Inbox) -> None:
    path = inbox.drop("x.json", GOOD[:20])
    inbox.meanwhile = lambda: path.write_bytes(GOOD)
    assert inbox.poll().reason == "1 event"


def test_a_file_rewritten_with_other_text_of_the_same_size_and_time_is_not_believed_torn(inbox: Inbox) -> None:
    path = inbox.drop("x.json", b"aaaa")
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns

    def rewrite() -> None:
        path.write_bytes(b"bbbb")
        os.utime(path, ns=times)

    inbox.meanwhile = rewrite
    assert inbox.poll().reason == "no events, 1 left"


@pytest.mark.parametrize("seconds", [0, 1, 10**9, 4 * 10**9, 10**10])
def test_neither_past_nor_future_times_of_change_matter(inbox: Inbox, seconds: int) -> None:
    os.utime(inbox.drop("good.json"), ns=(0, seconds * 10**9))
    os.utime(inbox.drop("torn.json", TORN), ns=(0, seconds * 10**9))
    assert inbox.poll().reason == "1 event, 1 refused"


def test_a_file_that_changes_while_it_is_read_is_looked_at_again(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    path = inbox.drop("x.json")
    real = inbox_files._content

    def racing(descriptor: int, most: int) -> bytes:
        data = real(descriptor, most)
        path.write_bytes(event("2"))
        monkeypatch.undo()
        return data

    monkeypatch.setattr(inbox_files, "_content", racing)
    assert inbox.poll().reason == "1 event"
    assert inbox.payloads() == [2]


# -- others at work
def test_a_file_replaced_after_it_was_read_is_not_lost(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    path = inbox.drop("x.json", event("1"))

    def replace() -> None:
        path.unlink()
        path.write_bytes(event("2"))

    after_commit(inbox, monkeypatch, replace)
    assert inbox.poll().data["left"] == [{"file": "x.json", "reason": "it changed after it was read"}]
    inbox.poll()
    assert (inbox.payloads(), inbox.names()) == ([1, 2], [])


def test_a_file_replaced_at_the_very_moment_of_its_move_is_put_back(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox.drop("x.json", event("1"))
    real = Path.rename

    def racing(self: Path, target: Path) -> Path:
        monkeypatch.undo()
        self.unlink()
        self.write_bytes(event("2"))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", racing)
    assert inbox.poll().data["left"] == [{"file": "x.json", "reason": "it was replaced after it was read"}]
    assert path.read_bytes() == event("2")
    inbox.poll()
    assert (inbox.payloads(), inbox.names()) == ([1, 2], [])


@pytest.mark.parametrize("content", [GOOD, TORN])
def test_a_file_that_another_poll_moved_meanwhile_is_no_error(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = inbox.drop("x.json", content)
    inbox.poll()  # makes the folders
    path.write_bytes(content)
    after_commit(inbox, monkeypatch, path.unlink)
    inbox.meanwhile = lambda: path.unlink(missing_ok=True)
    failed = inbox.names("failed")
    result = inbox.poll()
    assert (result.state, result.data["left"], result.data["refused"]) == (RunState.SUCCEEDED, [], [])
    assert inbox.names("failed") == failed


def after_commit(inbox: Inbox, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once, between the store's commit and the move of the files."""
    real = inbox_moves.to_processed

    def acting(*args: Any) -> bool:
        monkeypatch.undo()
        act()
        return real(*args)

    monkeypatch.setattr(polling, "to_processed", acting)


def test_two_polls_at_once_take_every_file_in_once(tmp_path: Path) -> None:
    inboxes = [Inbox(tmp_path / "inbox", MemoryStore(str(tmp_path / "memory.db"))) for _ in range(2)]
    for number in range(150):
        inboxes[0].drop(f"{number:03}.json", event(str(number)))
        inboxes[0].drop(f"{number:03}-torn.json", TORN)
    results: list[Result] = []
    together = threading.Barrier(2)

    def poll(inbox: Inbox) -> None:
        together.wait(10)
        results.append(inbox.poll(Limits(batch=7)))

    threads = [threading.Thread(target=poll, args=(inbox,)) for inbox in inboxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    payloads, names = inboxes[0].payloads(), [inboxes[0].names(folder) for folder in (".", "processed", "failed")]
    for inbox in inboxes:
        inbox.store.close()
    assert [result.state for result in results] == [RunState.SUCCEEDED] * 2
    assert sorted(payloads) == list(range(150))
    assert [len(found) for found in names] == [0, 150, 300]
    assert sum(result.data["events"] for result in results) == 150


# -- bounds and failures
def test_one_poll_takes_on_so_many_files_and_leaves_the_others_to_the_next(inbox: Inbox) -> None:
    for number in range(25):
        inbox.drop(f"{number:02}.json", event(str(number)))
    limits = Limits(count=10, batch=3)
    reasons = [inbox.poll(limits).reason for _ in range(3)]
    assert reasons == ["10 events, 15 left", "10 events, 5 left", "5 events"]
    assert inbox.payloads() == list(range(25))


def test_files_that_cannot_be_moved_do_not_keep_those_behind_them_from_their_turn(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        inbox.drop(f"{number:02}.json", event(str(number)))
    real = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name < "20" and self.parent == inbox.folder:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", failing)
        assert inbox.poll(Limits(count=5)).reason == "25 events, 25 left"
        assert inbox.poll(Limits(count=5)).reason == "5 events, 20 taken in before, 20 left"
    assert inbox.payloads() == list(range(30))


def test_a_poll_waits_for_its_turn_and_gives_up_when_it_is_stopped(inbox: Inbox) -> None:
    inbox.drop("x.json")
    asked = chain([False, False], repeat(True))
    with inbox_moves.turn(inbox.folder, lambda: False) as held:
        result = inbox.poll(cancelled=lambda: next(asked))
    assert held
    assert (result.state, result.reason) == (RunState.FAILED, "stopped while another poll was at work")
    assert (len(inbox.waited), inbox.names(), inbox.poll().reason) == (3, ["x.json"], "1 event")


def test_files_share_transactions(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    real = inbox.store.transaction

    def counted() -> Any:
        nonlocal count
        count += 1
        return real()

    monkeypatch.setattr(inbox.store, "transaction", counted)
    for number in range(250):
        inbox.drop(f"{number:03}.json")
    inbox.poll(Limits(batch=100))
    assert count == 3
    count = 0
    for number in range(10):
        inbox.drop(f"{number:03}.json", event('"' + "x" * 1000 + '"'))
    inbox.poll(Limits(batch_size=3000))
    assert count == 4


def test_a_poll_that_is_told_to_stop_keeps_what_it_has_done(inbox: Inbox) -> None:
    for number in range(5):
        inbox.drop(f"{number}.json", event(str(number)))
    asked = chain([False, False], repeat(True))
    result = inbox.poll(cancelled=lambda: next(asked))
    assert (result.state, result.reason) == (RunState.FAILED, "stopped before the end: 2 events, 3 left")
    assert (inbox.payloads(), inbox.names()) == ([0, 1], ["2.json", "3.json", "4.json"])


def test_a_file_without_permission_is_refused_and_the_others_go_on(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drop("secret.json")
    inbox.drop("x.json")
    fail_to_open(monkeypatch, "secret.json", errno.EACCES)
    assert inbox.poll().reason == "1 event, 1 refused"
    assert inbox.reason("secret.json") == "cannot be read: Permission denied"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ELOOP])
def test_a_file_that_cannot_be_opened_now_is_left_and_the_others_go_on(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    inbox.drop("bad.json")
    inbox.drop("x.json")
    fail_to_open(monkeypatch, "bad.json", number)
    assert inbox.poll().reason == "1 event, 1 left"
    assert inbox.names() == ["bad.json"]


def fail_to_open(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    real = os.open

    def failing(path: Any, *args: Any) -> int:
        if Path(path).name == name:
            raise OSError(number, os.strerror(number))
        return real(path, *args)

    monkeypatch.setattr(os, "open", failing)


def test_a_file_that_cannot_be_moved_is_left_and_stored_once(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox.drop("x.json")
    inbox.drop("y.json", TORN)

    def failing(self: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", failing)
        first, second = inbox.poll(), inbox.poll()
    assert (first.reason, second.reason) == ("1 event, 2 left", "no events, 1 taken in before, 2 left")
    assert (first.state, inbox.names("failed")) == (RunState.SUCCEEDED, [])
    assert inbox.poll().reason == "no events, 1 taken in before, 1 refused"
    assert len(inbox.payloads()) == 1


def test_an_inbox_that_is_no_folder_fails_with_the_reason(inbox: Inbox) -> None:
    inbox.folder.write_bytes(b"")
    result = inbox.poll()
    assert (result.state, result.reason) == (RunState.FAILED, f"the inbox {inbox.folder} cannot be used: File exists")


def test_an_inbox_that_cannot_be_read_fails_with_the_reason(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", failing)
    result = inbox.poll()
    assert (result.state, result.reason.endswith("cannot be used: Permission denied")) == (RunState.FAILED, True)


def test_when_the_store_fails_no_file_is_moved(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox.drop("x.json")

    def failing(*args: Any, **more: Any) -> bool:
        raise StoreError("no disk")

    with monkeypatch.context() as patched:
        patched.setattr(inbox.store.events, "add", failing)
        with pytest.raises(StoreError, match="no disk"):
            inbox.poll()
    assert inbox.names() == ["x.json"]
    assert inbox.poll().reason == "1 event"


def test_what_is_told_is_bounded(inbox: Inbox) -> None:
    for number in range(120):
        inbox.drop(f"{number:03}.json", TORN)
    result = inbox.poll()
    assert result.reason == "no events, 120 refused"
    assert len(result.data["refused"]) == 50

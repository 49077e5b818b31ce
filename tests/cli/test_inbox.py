"""`jarvis inbox list`, `show` and `retry`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jarvis.handlers import inbox_view
from jarvis.handlers.inbox_moves import turn
from tests.cli.conftest import Jarvis

GOOD = '{"source": "github", "event_type": "push", "id": 7, "payload": {"n": [1, 2]}}'
TORN = '{"source": '


@pytest.fixture
def inbox(home: Path, jarvis: Jarvis) -> Path:
    """The inbox of a home in which a task polls."""
    jarvis("task", "add", "webhook_poll", "--every", "5m", "--handler", "webhook_poll")
    return home / "data" / "webhook-inbox"


def drop(inbox: Path, name: str, text: str, *, old: bool = True) -> Path:
    """A file; an old one is not waited for to be quiet."""
    path = inbox / name
    path.write_text(text)
    if old:
        os.utime(path, (1, 1))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def poll(jarvis: Jarvis) -> None:
    jarvis("task", "run", "webhook_poll")
    assert jarvis("tick").code == 0


def test_an_empty_inbox(jarvis: Jarvis, inbox: Path) -> None:
    assert jarvis("inbox", "list").out == "nothing came in\n"
    assert jarvis("inbox", "list", "--json").json == []
    inbox.rmdir()
    assert jarvis("inbox", "list", "--json").json == []


def test_what_waits_what_is_left_what_failed_and_what_came_in(jarvis: Jarvis, inbox: Path) -> None:
    drop(inbox, "a.json", GOOD)
    drop(inbox, "b.json", GOOD.replace("[1, 2]", "3"))
    drop(inbox, "torn.json", TORN)
    (inbox / "folder.json").mkdir()
    (inbox / "link.json").symlink_to("/etc/passwd")
    rows = jarvis("inbox", "list", "--json").json
    assert [(row["state"], row["file"]) for row in rows] == [
        ("waiting", "a.json"),
        ("waiting", "b.json"),
        ("waiting", "torn.json"),
        ("left", "folder.json"),
        ("left", "link.json"),
    ]
    assert [row["reason"] for row in rows[1:4]] == [
        "",
        "is refused unless it changes: no JSON: Input data was truncated",
        "a folder: only files are taken in",
    ]
    poll(jarvis)
    rows = jarvis("inbox", "list", "--json").json
    assert [(row["state"], row["file"], row["id"]) for row in rows] == [
        ("left", "folder.json", None),
        ("left", "link.json", None),
        ("failed", "torn.json", None),
        ("stored", "a.json", 1),
    ]
    assert {tuple(row) for row in rows} == {
        ("id", "state", "source", "event_type", "event_id", "at", "file", "reason", "status", "came_to")
    }
    assert (rows[3]["source"], rows[3]["event_type"], rows[3]["event_id"]) == ("github", "push", "7")
    lines = jarvis("inbox", "list").out.splitlines()
    assert lines[0].split() == ["ID", "STATE", "SOURCE", "TYPE", "AT", "FILE", "REASON"]
    assert lines[3].endswith("+00:00  torn.json    no JSON: Input data was truncated")
    assert lines[4].split()[:4] == ["1", "stored", "github", "push"]


def test_the_list_can_be_narrowed(jarvis: Jarvis, inbox: Path) -> None:
    for number in range(4):
        drop(inbox, f"{number}.json", GOOD.replace("7", str(number)).replace("github", f"s{number % 2}"))
        drop(inbox, f"torn{number}.json", TORN + str(number))
    poll(jarvis)
    drop(inbox, "new.json", "{}")

    def files(*flags: str) -> list[str]:
        return [row["file"] for row in jarvis("inbox", "list", "--json", *flags).json]

    assert files("--state", "stored") == ["3.json", "2.json", "1.json", "0.json"]
    assert files("--source", "s1") == ["3.json", "1.json"]
    assert files("--state", "failed", "--limit", "2") == ["torn0.json", "torn1.json"]
    assert files("--state", "waiting") == ["new.json"]
    assert files("--state", "left") == []
    assert len(files("--limit", "0")) == 9
    assert jarvis("inbox", "list", "--state", "filed").code == 2
    said = jarvis("inbox", "list", "--state", "failed", "--source", "s1")
    assert (said.code, "of events that were stored" in said.err) == (2, True)


def test_one_event_and_one_file_are_shown(jarvis: Jarvis, inbox: Path) -> None:
    drop(inbox, "a.json", GOOD)
    drop(inbox, "again.json", GOOD)
    drop(inbox, "torn\x1b[31m.json", TORN + "\x1b[31m")
    poll(jarvis)
    event = jarvis("inbox", "show", 1, "--json").json
    assert (event["payload"], event["file"], len(event["digest"])) == ({"n": [1, 2]}, "a.json", 64)
    assert 'payload     {\n              "n": [' in jarvis("inbox", "show", "1").out
    shown = jarvis("inbox", "show", "again.json", "--json").json
    assert shown["state"] == "duplicate"
    assert shown["reason"] == "the same content as event 1, which came as a.json"
    assert jarvis("inbox", "show", "a.json", "--json").json["state"] == "taken in"
    name = jarvis("inbox", "list", "--state", "failed", "--json").json[0]["file"]
    said = jarvis("inbox", "show", name)
    assert 'content     {"source": \\x1b[31m' in said.out
    assert "\x1b" not in said.out
    assert jarvis("inbox", "show", "2").code == 1
    missing = jarvis("inbox", "show", "agian.json")
    assert (missing.code, "no file of the inbox is named 'agian.json'" in missing.err) == (1, True)
    assert jarvis("inbox", "show", "../memory.db").code == 1


def test_failed_files_go_back_and_are_taken_in_once_they_are_right(jarvis: Jarvis, inbox: Path) -> None:
    drop(inbox, "torn.json", TORN)
    drop(inbox, "more.json", "{}")
    poll(jarvis)
    drop(inbox / "failed", "torn.json", GOOD)
    said = jarvis("inbox", "retry", "torn.json")
    assert (said.code, said.out) == (0, "torn.json is in the inbox again\n")
    assert "take them in now with `jarvis task run webhook_poll`" in said.err
    assert names(inbox / "failed") == ["more.json", "more.json.reason.json"]
    poll(jarvis)
    assert [row["file"] for row in jarvis("inbox", "list", "--state", "stored", "--json").json] == ["torn.json"]
    assert jarvis("inbox", "retry", "--all", "--json").json == [{"file": "more.json", "now": "more.json"}]
    assert jarvis("inbox", "retry", "--all").out == "no file has failed\n"
    assert names(inbox) == ["failed", "more.json", "processed"]


def test_a_file_goes_back_under_its_own_name_and_overwrites_none(jarvis: Jarvis, inbox: Path) -> None:
    for number in range(2):
        drop(inbox, "x.json", TORN + str(number))
        poll(jarvis)
    drop(inbox, "x.json", "dropped meanwhile")
    said = jarvis("inbox", "retry", "x-1.json", "x.json", "x.json")
    assert said.out == "x-1.json is in the inbox again\nx.json is in the inbox again as x-2.json\n"
    found = {(inbox / name).read_text() for name in ("x.json", "x-1.json", "x-2.json")}
    assert found == {"dropped meanwhile", TORN + "0", TORN + "1"}
    assert names(inbox / "failed") == []


def test_a_failed_file_without_its_reason_can_go_back_as_well(jarvis: Jarvis, inbox: Path) -> None:
    drop(inbox, "x.json", TORN)
    poll(jarvis)
    (inbox / "failed" / "x.json.reason.json").unlink()
    (row,) = jarvis("inbox", "list", "--state", "failed", "--json").json
    assert row["reason"] == inbox_view.NO_REASON
    assert jarvis("inbox", "retry", "x.json").code == 0


def test_what_a_reason_says_is_not_believed_where_it_leads_out(jarvis: Jarvis, inbox: Path) -> None:
    drop(inbox, "x.json", TORN)
    poll(jarvis)
    reason = inbox / "failed" / "x.json.reason.json"
    reason.write_text(reason.read_text().replace("x.json", "../../../x.json"))
    assert jarvis("inbox", "retry", "x.json").out == "x.json is in the inbox again\n"


def test_a_retry_that_names_what_is_not_there_moves_nothing(jarvis: Jarvis, inbox: Path) -> None:
    drop(inbox, "x.json", TORN)
    poll(jarvis)
    said = jarvis("inbox", "retry", "x.json", "y.json")
    assert (said.code, "no failed file is named 'y.json'" in said.err) == (1, True)
    assert (inbox / "failed" / "x.json").exists()
    assert [jarvis("inbox", "retry").code, jarvis("inbox", "retry", "x.json", "--all").code] == [2, 2]
    (inbox / "failed" / "x.json").unlink()
    assert jarvis("inbox", "retry", "x.json").code == 1


def test_a_retry_waits_for_a_poll_and_then_gives_up(
    jarvis: Jarvis, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(inbox, "x.json", TORN)
    poll(jarvis)
    monkeypatch.setattr("jarvis.cli.inbox._TURN_WITHIN", 0.0)
    with turn(inbox, lambda: False):
        said = jarvis("inbox", "retry", "--all")
    assert (said.code, "a poll is at work on the inbox" in said.err) == (1, True)
    assert jarvis("inbox", "retry", "--all").code == 0


def test_the_status_counts_what_waits_and_what_failed(
    jarvis: Jarvis, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jarvis("status", "--json").json["inbox"] == {"waiting": 0, "failed": 0, "watched": True}
    assert "inbox      nothing waits; watched\n" in jarvis("status").out
    drop(inbox, "x.json", TORN)
    drop(inbox, "x.json.reason.json", TORN + " ")
    poll(jarvis)
    drop(inbox, "y.json", GOOD)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert jarvis("status", "--json").json["inbox"] == {"waiting": 1, "failed": 2, "watched": False}
    assert "inbox      1 waiting, 2 failed: `jarvis inbox list` says why; looked at every 5 s (" in jarvis("status").out


def test_what_an_event_started_is_told(jarvis: Jarvis, inbox: Path) -> None:
    jarvis("task", "add", "build", "--on", "github/push", "--handler", "noop")
    drop(inbox, "a.json", GOOD)
    drop(inbox, "b.json", GOOD.replace("push", "star").replace("7", "8"))
    poll(jarvis)
    jarvis("tick")
    star, push = jarvis("inbox", "list", "--state", "stored", "--json").json
    assert (star["status"], star["reason"], star["came_to"]) == ("unmatched", "no task listens for it", [])
    (cause,) = push["came_to"]
    assert (push["status"], cause["task"], cause["outcome"], cause["run_id"]) == ("started", "build", "started", 2)
    assert push["reason"] == "started run 2 of build"
    assert "came to     build: started as run 2\n" in jarvis("inbox", "show", push["id"]).out

"""Which messages are commands: whose, where, how, when; and each of them once."""

from __future__ import annotations

import logging
from datetime import timedelta
from time import process_time

import pytest

from jarvis.config import load_config
from jarvis.imessage.chatdb import Incoming, Look
from tests.imessage.conftest import World
from tests.imessage.world import ADA, APPLE, BOB, STRANGER, attributed

GROUP = "chat123456789"


def test_a_command_is_answered_to_its_sender(world: World) -> None:
    world.write("jarvis: help")
    world.tick()
    ((to, text),) = world.osascript.said
    assert to == ADA
    assert "status: what is going on" in text


@pytest.mark.parametrize(
    "text", ["Jarvis: help", "  JARVIS:help", "\ufffcjarvis:   help  ", "jarvis:\nhelp", "jarvis: HELP"]
)
def test_telephones_write_it_in_their_own_way(world: World, text: str) -> None:
    assert "remind me in" in world.ask(text)


def test_a_text_that_is_in_attributed_body_alone_is_read(world: World) -> None:
    assert "remind me in" in world.ask(None, blob=attributed("jarvis: help"))
    assert "remind me in" in world.ask("", blob=attributed("jarvis: help", mutable=True))


@pytest.mark.parametrize("text", ["help", "hey jarvis: help", "jarvis help", "", "Loved “jarvis: help”"])
def test_what_is_not_for_jarvis_leaves_no_trace(world: World, text: str) -> None:
    assert world.ask(text) == ""
    assert world.rows("SELECT * FROM message_events") == []


def test_a_reaction_to_a_command_is_no_command(world: World) -> None:
    assert world.ask("jarvis: help", associated_message_type=2000) == ""
    assert world.ask("jarvis: help", item_type=2) == ""


def test_a_stranger_is_ignored_and_logged_without_what_was_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "jarvis"):
        assert world.ask("jarvis: run secret-thing", sender=STRANGER) == ""
    assert f"ignored 1 message of {STRANGER}: a stranger" in caplog.text
    assert "secret-thing" not in caplog.text
    assert world.rows("SELECT sender, verdict FROM message_events") == [(STRANGER, "ignored")]
    assert world.rows("SELECT * FROM processing_jobs") == []
    assert "secret-thing" not in str(world.rows("SELECT * FROM message_events"))


@pytest.mark.parametrize("sender", ["15551234567", "+155512345670", "bob@example.com.evil.com", "BOB", "12345"])
def test_what_only_looks_like_an_allowed_sender_is_a_stranger(world: World, sender: str) -> None:
    assert world.ask("jarvis: help", sender=sender) == ""


def test_an_allowed_sender_counts_in_any_spelling(world: World) -> None:
    assert "remind me in" in world.ask("jarvis: help", sender="Bob@Example.com")
    assert world.osascript.said[-1][0] == BOB


@pytest.mark.parametrize("service", ["SMS", "RCS", ""])
def test_a_message_whose_sender_can_be_forged_is_ignored(world: World, service: str) -> None:
    assert world.ask("jarvis: help", service=service) == ""
    ((reason,),) = world.rows("SELECT reason FROM message_events")
    assert "can be forged" in reason


def test_what_i_wrote_myself_is_no_command(world: World) -> None:
    assert world.ask("jarvis: help", from_me=True) == ""
    assert world.rows("SELECT * FROM message_events") == []


def test_notes_to_self_are_commands_once_though_they_are_there_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = "me@example.com"
    monkeypatch.setenv("IMESSAGE_NOTES_TO_SELF", me)
    world.restart()
    world.write("jarvis: help", sender=me, from_me=True)
    world.write("jarvis: help", sender=me)
    world.tick()
    assert [to for to, _ in world.osascript.said] == [me]
    assert world.ask("jarvis: help", from_me=True) == "", "what I write to another is still none"


def test_a_group_is_refused_unless_it_is_allowed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.ask("jarvis: help", group=GROUP) == ""
    assert "IMESSAGE_ALLOWED_CHATS" in world.rows("SELECT reason FROM message_events")[0][0]
    monkeypatch.setenv("IMESSAGE_ALLOWED_CHATS", GROUP)
    world.restart()
    assert "remind me in" in world.ask("jarvis: help", group=GROUP)
    assert world.osascript.said[-1][0] == f"iMessage;+;{GROUP}", "the answer goes into the group"
    assert world.ask("jarvis: help", group=GROUP, sender=STRANGER) == "", "and strangers in it stay strangers"


def test_a_message_waits_until_messages_says_in_which_chat_it_is(world: World) -> None:
    world.write("jarvis: help", joined=False)
    world.write("jarvis: status")
    world.tick(1)
    assert world.osascript.said == [], "those after it wait as well, so that none is passed over"
    world.phone.join(1)
    world.tick(1)
    assert len(world.osascript.said) == 2


def test_a_message_that_is_in_no_chat_is_refused_in_the_end(world: World) -> None:
    world.write("jarvis: help", joined=False)
    world.tick(1)
    assert world.rows("SELECT * FROM message_events") == []
    world.tick(15)
    assert world.rows("SELECT verdict, reason FROM message_events") == [("ignored", "it is in no chat")]


def test_the_prefix_is_a_setting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMESSAGE_COMMAND_PREFIX", "!j")
    world.restart()
    assert world.ask("jarvis: help") == ""
    assert "Each begins with !j" in world.ask("!J help")


# -- when -----------------------------------------------------------------------------------------------------
def test_history_is_no_command(world: World) -> None:
    world.phone.history(50, before=world.clock.now() - timedelta(hours=2))
    world.tick()
    assert world.osascript.said == []
    assert world.state.watermark() == 50
    assert world.rows("SELECT * FROM message_events") == []


def test_what_came_shortly_before_the_first_start_is_a_command(world: World) -> None:
    world.phone.history(50, before=world.clock.now() - timedelta(hours=2))
    world.write("jarvis: help", at=world.clock.now() - timedelta(minutes=5))
    world.tick()
    assert len(world.osascript.said) == 1


def test_ten_thousand_messages_are_read_within_the_poll_interval(world: World) -> None:
    world.state.set_watermark(0, world.clock.now())
    world.phone.history(10_000, before=world.clock.now() - timedelta(hours=2), text="hello there")
    world.write("jarvis: help")
    began = process_time()
    world.tick()
    assert process_time() - began < load_config().imessage_poll
    assert world.state.watermark() == 10_001
    assert len(world.osascript.said) == 1


def test_a_look_at_nothing_new_reads_no_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.phone.history(500, before=world.clock.now() - timedelta(hours=2))
    world.tick()
    asked: list[tuple[int, int]] = []
    real = Look.after

    def after(self: Look, rowid: int, limit: int = 200) -> list[Incoming]:
        found = real(self, rowid, limit)
        asked.append((rowid, len(found)))
        return found

    monkeypatch.setattr(Look, "after", after)
    world.tick()
    world.write("jarvis: help")
    world.tick()
    assert asked == [(500, 0), (500, 1)]


def test_a_command_that_comes_too_late_is_not_carried_out_and_its_sender_is_told(world: World) -> None:
    world.tick()
    said = world.ask("jarvis: help", at=world.clock.now() - timedelta(hours=3))
    assert said == "It came too late, so I have not done it. Send it again."
    assert world.rows("SELECT * FROM processing_jobs") == []


def test_a_flood_of_late_commands_is_told_once(world: World) -> None:
    world.tick()
    for _ in range(20):
        world.write("jarvis: help", at=world.clock.now() - timedelta(hours=3))
    world.tick()
    assert len(world.osascript.said) == 1


def test_dates_in_seconds_are_read_as_well(world: World) -> None:
    world.ask("jarvis: status")
    assert "remind me in" in world.ask("jarvis: help", date=(world.clock.now() - APPLE) // timedelta(seconds=1))


# -- once -----------------------------------------------------------------------------------------------------
def test_the_same_guid_is_never_carried_out_twice(world: World) -> None:
    world.write("jarvis: help", guid="THE-ONE")
    world.tick()
    world.state.set_watermark(0, world.clock.now())
    world.tick()
    world.restart()
    world.state.set_watermark(0, world.clock.now())
    world.tick()
    assert len(world.osascript.said) == 1


def test_messages_that_were_replaced_by_older_ones_are_read_on_from_their_end(world: World) -> None:
    world.phone.history(10, before=world.clock.now() - timedelta(hours=2))
    world.state.set_watermark(1_000_000, world.clock.now())
    world.write("jarvis: help")
    world.tick()
    assert len(world.osascript.said) == 1
    assert world.state.watermark() == 11


def test_a_sender_is_bounded_and_told_so_once_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMESSAGE_RATE_PER_MINUTE", "3")
    world.restart()
    for _ in range(10):
        world.write("jarvis: help")
    world.write("jarvis: help", sender=BOB)
    world.tick()
    answers = [text for to, text in world.osascript.said if to == ADA]
    assert len(answers) == 4
    assert sum("Too many at once: I carry out 3 in a minute" in text for text in answers) == 1
    assert len([1 for to, _ in world.osascript.said if to == BOB]) == 1, "others are not bounded by it"
    world.clock.advance(61)
    assert "remind me in" in world.ask("jarvis: help")


# -- what cannot be read ------------------------------------------------------------------------------------------
def test_a_message_that_cannot_be_decoded_stops_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.write(None, blob=b"\x04\x0bstreamtyped\x81\xe8\x03garbage")
    world.write(None, blob=b"")
    assert "remind me in" in world.ask("jarvis: help")
    assert "message 1 has no text that can be read" in caplog.text


def test_messages_that_cannot_be_read_are_told_once_and_waited_for(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    path = world.phone.path
    away = path.with_name("away.db")
    world.phone.close()
    path.rename(away)
    for _ in range(3):
        world.tick()
    assert caplog.text.count("cannot be read") == 1
    assert "Full Disk Access" in caplog.text
    away.rename(path)
    with caplog.at_level(logging.INFO, "jarvis"):
        world.tick()
    assert "read works again" in caplog.text


def test_an_older_schema_without_the_newer_columns_is_read(world: World) -> None:
    for column in ("associated_message_type", "item_type", "attributedBody", "service"):
        world.phone._connection.execute(f"ALTER TABLE message RENAME COLUMN {column} TO gone_{column}")
    world.phone._connection.execute("INSERT INTO handle (id, service) VALUES (?, 'iMessage')", (ADA,))
    world.phone._connection.execute(
        "INSERT INTO message (guid, text, handle_id, date, is_from_me) VALUES ('g', 'jarvis: help', 1, ?, 0)",
        (int((world.clock.now().timestamp() - 978_307_200) * 10**9),),
    )
    world.phone.join(1)
    world.tick()
    assert len(world.osascript.said) == 1


def test_the_file_is_only_read(world: World) -> None:
    world.ask("jarvis: help")
    with world.daemon._chats.look() as look, pytest.raises(Exception, match="readonly"):
        look._connection.execute("DELETE FROM message")

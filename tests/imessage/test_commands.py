"""What a message can ask for, and what it is answered; through the same store as the command line."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from jarvis.cli.imessage_house import CommandLineHouse
from jarvis.errors import StoreBusy, StoreUnusable, UsageError
from jarvis.imessage.ports import Recipient
from tests.imessage.conftest import World
from tests.imessage.world import ADA, BOB, texts

INJECTIONS = [
    '"; do shell script "rm -rf ~"; "',
    'x" & (do shell script "id") & "',
    '\\" \\\\ \\n \\',
    'end tell\ntell application "Finder" to delete every file',
    "$(id) `id` ; id | id && id > /tmp/x",
    "--help",
    "-e return 1",
    "' OR 1=1; DROP TABLE message_events; --",
    "{{ 7 * 7 }} %s %(x)s {0}",
    "\u202e\u2066 right to left",
    "emoji 👩‍👩‍👧 and ümläut",
    "line\r\nline\n\nline\tend",
    "a\0b",
]


@pytest.fixture
def hello(world: World) -> World:
    world.add_task("hello")
    return world


def code_of(said: str) -> str:
    found = re.search(r"yes (\d{6})$", said)
    assert found, said
    return found[1]


# -- that only ask ------------------------------------------------------------------------------------------------
def test_status_is_one_look_at_everything(hello: World) -> None:
    said = hello.ask("jarvis: status")
    assert "daemons: no daemon is running" in said
    assert "tasks: 1 enabled, 0 paused" in said
    assert "due next: hello at 2026-03-02 10:00:00+00:00" in said
    assert "home:" not in said


def test_next_says_when(hello: World) -> None:
    assert hello.ask("jarvis: next hello").splitlines()[:2] == ["hello, next:", "2026-03-02 10:00:00+00:00"]


def test_why_says_why(hello: World) -> None:
    assert hello.ask("jarvis: why hello").startswith("hello has not run yet; next at 2026-03-02 10:00:00+00:00")


def test_a_name_may_begin_with_a_large_letter_as_telephones_write_it(hello: World) -> None:
    assert hello.ask("jarvis: next Hello").startswith("hello, next:")
    hello.add_task("HELLO")
    assert "no task is named 'Hello'" in hello.ask("jarvis: next Hello"), "two are meant: neither is guessed"


def test_a_name_that_is_not_there_is_answered_with_the_nearest(hello: World) -> None:
    assert hello.ask("jarvis: why helo") == "no task is named 'helo'. Did you mean hello?"
    assert hello.rows("SELECT state, reason FROM processing_jobs") == [
        ("failed", "no task is named 'helo'. Did you mean hello?")
    ]


@pytest.mark.parametrize("text", ["next", "why ", "run", "pause\n", "resume"])
def test_a_command_without_its_name_says_what_is_missing(hello: World, text: str) -> None:
    assert hello.ask(f"jarvis: {text}").endswith("which task? Send its name after it.")


def test_an_unknown_command_says_what_there_is(world: World) -> None:
    assert world.ask("jarvis: statsu") == "I do not know 'statsu'. Did you mean status? Send: jarvis: help"
    assert "Send: jarvis: help" in world.ask("jarvis:")


def test_an_answer_never_begins_like_a_command(world: World) -> None:
    world.add_task("jarvis: run x")
    said = world.ask("jarvis: next jarvis: run x")
    assert said.startswith("> jarvis: run x, next:")


# -- that change something ----------------------------------------------------------------------------------------
def test_run_asks_first_and_runs_once_it_is_confirmed(hello: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "jarvis")
    asked = hello.ask("jarvis: run hello")
    assert asked.startswith("To run hello, send within 5m: jarvis: yes ")
    assert runs(hello) == []
    said = hello.ask(f"jarvis: yes {code_of(asked)}")
    assert said.startswith("run 1 of hello is queued; no daemon is running")
    assert runs(hello) == [("hello", "manual", "pending")]
    assert code_of(asked) not in caplog.text


def test_the_code_alone_is_a_confirmation(hello: World) -> None:
    code = code_of(hello.ask("jarvis: pause hello"))
    assert hello.ask(f"jarvis: {code}") == "hello is paused"


def test_pause_and_resume(hello: World) -> None:
    hello.ask(f"jarvis: yes {code_of(hello.ask('jarvis: pause hello'))}")
    store = hello.store()
    task = store.tasks.get("hello")
    store.close()
    assert (task.enabled, task.pause_reason) == (False, f"paused by {ADA} by iMessage")
    assert hello.ask("jarvis: next hello").startswith("hello is paused, else next:")
    assert hello.ask("jarvis: resume hello") == "hello is enabled: due next at 2026-03-02 10:00:00+00:00"


def test_a_code_confirms_once(hello: World) -> None:
    code = code_of(hello.ask("jarvis: run hello"))
    hello.ask(f"jarvis: yes {code}")
    assert "confirms nothing" in hello.ask(f"jarvis: yes {code}")
    assert len(runs(hello)) == 1


def test_a_code_is_of_no_use_after_its_time(hello: World) -> None:
    code = code_of(hello.ask("jarvis: run hello"))
    hello.clock.advance(timedelta(minutes=5, seconds=1))
    assert "confirms nothing" in hello.ask(f"jarvis: yes {code}")
    assert runs(hello) == []


def test_a_code_is_of_no_use_to_another_sender_or_in_another_chat(
    hello: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMESSAGE_ALLOWED_CHATS", "chat1")
    hello.restart()
    code = code_of(hello.ask("jarvis: run hello"))
    assert "confirms nothing" in hello.ask(f"jarvis: yes {code}", sender=BOB)
    assert "confirms nothing" in hello.ask(f"jarvis: yes {code}", group="chat1")
    assert runs(hello) == []
    assert "is queued" in hello.ask(f"jarvis: yes {code}")


def test_a_code_confirms_the_command_it_was_given_for(hello: World) -> None:
    hello.add_task("bye")
    pause, run = (code_of(hello.ask(f"jarvis: {each}")) for each in ("pause bye", "run hello"))
    assert "bye is paused" in hello.ask(f"jarvis: yes {pause}")
    assert "of hello is queued" in hello.ask(f"jarvis: yes {run}")
    assert [name for name, *_ in runs(hello)] == ["hello"]


def test_codes_cannot_be_tried_out(hello: World) -> None:
    code = code_of(hello.ask("jarvis: run hello"))
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(3):
        assert "confirms nothing" in hello.ask(f"jarvis: yes {wrong}")
    assert "confirms nothing" in hello.ask(f"jarvis: yes {code}"), "three wrong ones made it void"
    assert runs(hello) == []


@pytest.mark.parametrize("text", ["yes", "yes ", "yes abc", "yes 12345 6", "000000", "yes '", "confirm %"])
def test_a_yes_to_nothing_confirms_nothing(hello: World, text: str) -> None:
    assert "confirms nothing" in hello.ask(f"jarvis: {text}")


# -- that are hostile -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", ["why", "run", "", "remind me"])
@pytest.mark.parametrize("text", INJECTIONS)
def test_hostile_texts_are_plain_text(hello: World, verb: str, text: str) -> None:
    hello.ask("jarvis: help")
    said = hello.ask(f"jarvis: {verb} {text}")
    assert 0 < len(said) < 2_000
    harmless, hostile = hello.osascript.calls
    assert len(hostile) == len(harmless) == 5
    assert hostile[:4] == harmless[:4], "the script and the recipient are the same, whatever is said"
    assert runs(hello) == []


@pytest.mark.parametrize("verb", ["why", "run", "remind me in 5 minutes to", "", "yes"])
def test_a_text_of_100_kb_is_refused_and_nothing_more(hello: World, verb: str) -> None:
    assert hello.ask(f"jarvis: {verb} {'x' * 100_000}") == "That is too long: 20000 characters at most."
    assert hello.rows("SELECT max(length(text)) FROM processing_jobs") == [(20_001,)]


def test_a_long_name_is_not_said_back(hello: World) -> None:
    assert "No task has a name as long as that" in hello.ask(f"jarvis: why {'x' * 10_000}")


# -- reminders --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("phrase", "at", "text"),
    [
        ("me in 20 minutes to call Ada", "09:20", "call Ada"),
        ("me in 20 minutes: call Ada", "09:20", "call Ada"),
        ("in 20 minutes, call Ada", "09:20", "call Ada"),
        ("me to call Ada in 20 minutes", "09:20", "call Ada"),
        ("me today at 18:30 to go to the shop to buy milk", "18:30", "go to the shop to buy milk"),
        ("me to go to the shop to buy milk today at 18:30", "18:30", "go to the shop to buy milk"),
        ("Me at 17:00 that the oven is on", "17:00", "the oven is on"),
        ("me at 5pm\ncall Ada", "17:00", "call Ada"),
    ],
)
def test_a_reminder_is_read_and_said_back_exactly(world: World, phrase: str, at: str, text: str) -> None:
    world.write(f"jarvis: remind {phrase}")
    world.daemon.tick()
    ((_, said),) = world.osascript.said
    assert said.startswith(f"I will remind you at 2026-03-02 {at}:00+00:00: {text}\n(task reminder-")


def test_a_reminder_arrives_when_it_is_due(world: World) -> None:
    world.ask("jarvis: remind me in 20 minutes to call Ada")
    carry_out(world, timedelta(minutes=19))
    world.tick()
    assert len(world.osascript.said) == 1
    carry_out(world, timedelta(minutes=2))
    world.tick()
    assert world.osascript.said[-1] == (ADA, "Reminder: call Ada")
    carry_out(world, timedelta(hours=1))
    world.tick()
    assert len(world.osascript.said) == 2, "once"


@pytest.mark.parametrize("text", [each for each in INJECTIONS if "\0" not in each])
def test_a_reminder_arrives_as_it_was_written(world: World, text: str) -> None:
    world.ask(f"jarvis: remind me in 1 minute to {text}")
    carry_out(world, timedelta(minutes=2))
    world.tick()
    assert world.osascript.said[-1] == (ADA, f"Reminder: {text}")


def test_a_nul_is_left_out_as_no_program_can_be_given_one(world: World) -> None:
    world.ask("jarvis: remind me in 1 minute to a\0b")
    carry_out(world, timedelta(minutes=2))
    world.tick()
    assert world.osascript.said[-1] == (ADA, "Reminder: ab")


def test_a_reminder_from_a_group_goes_into_the_group(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMESSAGE_ALLOWED_CHATS", "chat1")
    world.restart()
    world.ask("jarvis: remind me in 1 minute to go", group="chat1")
    carry_out(world, timedelta(minutes=2))
    world.tick()
    assert world.osascript.said[-1] == ("iMessage;+;chat1", "Reminder: go")


def test_a_reminder_counts_from_when_it_was_sent(world: World) -> None:
    said = world.ask("jarvis: remind me in 20 minutes to go", at=world.clock.now() - timedelta(minutes=10))
    assert "at 2026-03-02 09:10:00+00:00" in said
    late = world.ask("jarvis: remind me in 5 minutes to go", at=world.clock.now() - timedelta(minutes=10))
    assert f"at {world.clock.now().isoformat(' ')}" in late, "one whose moment is over is due at once"


@pytest.mark.parametrize(
    "text", ["", "me", "me to call Ada", "me sometime to call Ada", "me every day at 9 to call Ada"]
)
def test_a_reminder_without_a_moment_says_how_to_say_it(world: World, text: str) -> None:
    assert "remind me in 20 minutes to call Ada" in world.ask(f"jarvis: remind {text}")
    assert tasks(world) == []


def test_a_reminder_that_is_over_leaves_the_list_of_tasks_after_a_day(world: World) -> None:
    world.ask("jarvis: remind me in 1 minute to go")
    world.ask("jarvis: remind me in 3 days to come")
    carry_out(world, timedelta(hours=2))
    world.tick(3600)
    assert len(tasks(world)) == 2
    world.clock.advance(timedelta(days=1))
    world.tick(3600)
    assert len(tasks(world)) == 1
    assert [state for _, _, state in runs(world)] == ["succeeded"], "the ledger keeps it"


def test_no_prefix_makes_a_reminder_a_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMESSAGE_COMMAND_PREFIX", "reminder:")
    world.restart()
    world.ask("reminder: remind me in 1 minute to go")
    carry_out(world, timedelta(minutes=2))
    world.tick()
    assert world.osascript.said[-1] == (ADA, "> Reminder: go")


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"to": ADA}, "say in the parameter text"),
        ({"text": "hi"}, "the parameter to is a telephone number"),
        ({"text": "hi", "to": "5551234567"}, "the parameter to is a telephone number"),
        ({"text": "hi", "to": 5551234567}, "the parameter to is a telephone number"),
        ({"text": 5, "to": ADA}, "the parameter text is a text"),
        ({"text": "hi", "to": ADA, "when": "now"}, "remind has no parameter 'when'"),
    ],
)
def test_the_handler_refuses_what_it_could_not_say(params: dict[str, object], problem: str) -> None:
    from jarvis.app import check_handler

    with pytest.raises(UsageError, match=problem):
        check_handler("remind", params)


def test_a_sender_who_is_no_longer_allowed_is_told_nothing_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ask("jarvis: remind me in 1 minute to go", sender=BOB)
    monkeypatch.setenv("IMESSAGE_ALLOWED_SENDERS", ADA)
    world.restart()
    carry_out(world, timedelta(minutes=2))
    world.tick()
    assert len(world.osascript.said) == 1
    assert ("failed", "its recipient is not allowed by the configuration") in world.rows(
        "SELECT state, reason FROM outbound_messages"
    )


def test_a_command_that_was_cut_off_three_times_is_given_up_and_says_so(hello: World) -> None:
    hello.write("jarvis: why hello")
    hello.daemon.read()
    for _ in range(3):
        assert hello.state.claim(hello.clock.now()) is not None
        hello.restart()
    hello.tick()
    assert texts(hello.osascript.said) == ["I was cut off 3 times at this, so I leave it: why hello"]
    assert hello.rows("SELECT state FROM processing_jobs") == [("failed",)]


# -- when the store cannot be used ------------------------------------------------------------------------------------
def test_a_busy_store_lets_the_command_wait(hello: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(CommandLineHouse, "why", _raise(StoreBusy("busy", "the store is busy")))
        for _ in range(5):
            hello.write("jarvis: why hello")
            hello.tick()
    assert hello.osascript.said == []
    assert set(hello.rows("SELECT state, attempts FROM processing_jobs")) == {("queued", 0)}
    hello.tick()
    assert len(hello.osascript.said) == 5


def test_a_store_that_must_not_be_touched_is_told(hello: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CommandLineHouse, "status", _raise(StoreUnusable("the store is damaged")))
    assert hello.ask("jarvis: status") == "the store is damaged"


def test_a_store_that_must_not_be_touched_does_not_end_the_daemon(
    hello: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CommandLineHouse, "tidy", _raise(StoreUnusable("the store is damaged")))
    hello.tick(3 * 3600)
    assert "remind me in" in hello.ask("jarvis: help")


def test_a_fault_in_a_duty_is_told_once_and_the_others_go_on(
    hello: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("jarvis.imessage.daemon.IMessageDaemon._start", _raise(RuntimeError("odd")))
    hello.state.outbound.add("k", Recipient(ADA), "hi", hello.clock.now(), timedelta(hours=1))
    hello.tick()
    hello.tick()
    assert texts(hello.osascript.said) == ["hi"]
    assert caplog.text.count("read failed") == 1


def test_our_own_store_that_was_replaced_ends_the_daemon(hello: World, home: Path) -> None:
    hello.write("jarvis: help")
    (home / "data" / "imessage-worker.db").unlink()
    with pytest.raises(StoreUnusable, match=r"imessage-worker\.db"):
        hello.tick()


def test_a_fault_of_ours_ends_its_command_and_no_other(hello: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CommandLineHouse, "why", _raise(RuntimeError("secret inside")))
    hello.write("jarvis: why hello")
    said = hello.ask("jarvis: help")
    assert "there is a fault in Jarvis" in said
    assert "secret inside" not in said
    assert "remind me in" in said


def _raise(error: Exception) -> object:
    def call(*_: object) -> str:
        raise error

    return call


# -- looking ----------------------------------------------------------------------------------------------------------
def runs(world: World) -> list[tuple[str, str, str]]:
    store = world.store()
    found = [(run.task, run.origin, run.state.value) for run in store.runs.newest()]
    store.close()
    return found


def tasks(world: World) -> list[str]:
    store = world.store()
    names = store.tasks.names()
    store.close()
    return names


def carry_out(world: World, after: timedelta) -> None:
    """What the main daemon does meanwhile."""
    from jarvis import app

    world.clock.advance(after)
    store = world.store()
    engine = app.engine(store)
    engine.evaluate_due_tasks()
    engine.close()
    store.close()

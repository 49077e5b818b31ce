"""What the command line shows of channels, templates and fallbacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jarvis.delivery import apprise
from tests.cli.conftest import Jarvis

pytestmark = pytest.mark.process

TOML = """
[channels.me]
type = "file"
path = "$JARVIS_HOME/me.jsonl"

[channels.broken]
type = "command"
command = ["sh", "-c", "echo no route; exit 1", "hunter2"]
retries = 0
expires = "2h"
fallback = "me"

[channels.topic]
url = "ntfy://ada:hunter2@ntfy.example/topic"

[channels.hook]
type = "webhook"
url = "https://hook.example/hunter2"
secret = "${env:NO_SUCH_SECRET}"
"""


@pytest.fixture
def channels(home: Path) -> Path:
    (home / "jarvis.toml").write_text(TOML)
    return home / "jarvis.toml"


def run_once(jarvis: Jarvis, *flags: str) -> None:
    said = jarvis("task", "add", "t", "--every", "1d", *flags, "--", "echo", "hi")
    assert said.code == 0, said.err
    jarvis("task", "run", "t")
    assert jarvis("tick").code == 0


def test_every_channel_is_shown_with_where_it_leads_and_how_it_did(jarvis: Jarvis, channels: Path, home: Path) -> None:
    run_once(jarvis, "--deliver", "broken")
    found = {each["name"]: each for each in jarvis("delivery", "channels", "--json").json}
    assert {name: (each["type"], each["target"]) for name, each in found.items()} == {
        "broken": ("command", "sh"),
        "hook": ("webhook", "https://hook.example/***"),
        "me": ("file", str(home / "me.jsonl")),
        "topic": ("apprise", "ntfy://***"),
    }
    broken = found["broken"]
    assert (broken["retries"], broken["expires_seconds"], broken["fallback"]) == (0, 7200.0, "me")
    assert (broken["last_sent_at"], broken["waiting"]) == (None, 0)
    assert (broken["last_failure"]["delivery"], broken["last_failure"]["state"]) == (1, "failed")
    assert found["me"]["last_failure"] is None
    assert found["me"]["last_sent_at"] is not None
    assert "hunter2" not in jarvis("delivery", "channels").out
    channels.write_text("")
    assert jarvis("delivery", "channels").out == f"no channels: a table [channels.NAME] in {channels} is one\n"


def test_a_fallback_and_what_it_came_for_name_each_other(jarvis: Jarvis, channels: Path, home: Path) -> None:
    run_once(jarvis, "--deliver", "broken")
    second, first = jarvis("delivery", "list", "--json").json
    assert (first["state"], first["fallback"], first["fallback_of"]) == ("failed", 2, None)
    assert (second["state"], second["fallback"], second["fallback_of"]) == ("sent", None, 1)
    assert "fallback of   1\n" in jarvis("delivery", "show", 2).out
    assert "me is told instead, by delivery 2" in jarvis("why", "t").out
    body = json.loads((home / "me.jsonl").read_text())["body"]
    assert body.endswith("(It comes by me, because broken could not be told for sure: given up (retries=0): "
                         "attempt 1 failed: 'sh': exit code 1: no route)\n")  # fmt: skip


def test_a_template_is_stored_with_the_task_and_told_as_it_was_given(
    jarvis: Jarvis, channels: Path, home: Path
) -> None:
    text = "Subject: {{ task.name }}!\n\n{{ output }}"
    run_once(jarvis, "--deliver", "me", "--deliver", "broken:failure", "--template", text)
    sent = json.loads((home / "me.jsonl").read_text())
    assert (sent["subject"], sent["body"]) == ("t!", "hi\n")
    assert [each["template"] for each in jarvis("task", "show", "t", "--json").json["deliver"]] == [text, text]
    assert "me (template " in jarvis("task", "show", "t").out
    toml = home / "again.toml"
    toml.write_text(jarvis("task", "show", "t", "--toml").out)
    assert "nothing to do" not in (said := jarvis("apply", toml, "--dry-run")).out, said
    assert "deliver" not in said.out


def test_a_template_takes_the_place_of_the_one_before_and_can_be_taken_back(jarvis: Jarvis, channels: Path) -> None:
    run_once(jarvis, "--deliver", "me", "--template", "one")
    jarvis("task", "edit", "t", "--template", "two")
    assert jarvis("task", "show", "t", "--json").json["deliver"][0]["template"] == "two"
    jarvis("task", "edit", "t", "--grace", "5m")
    assert jarvis("task", "show", "t", "--json").json["deliver"][0]["template"] == "two"
    jarvis("task", "edit", "t", "--unset", "template")
    assert jarvis("task", "show", "t", "--json").json["deliver"][0]["template"] == ""


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--template", "x"], "--template: only with deliver"),
        (["--deliver", "me", "--template", "{{ x"], "--template: the template, line 1: "),
        (["--deliver", "me", "--template", " "], "--template: the template is empty"),
        (["--deliver", "me", "--template-file", "gone.txt"], "--template-file: cannot read '"),
        (["--deliver", "me", "--template", "x", "--template-file", "y"], "give one of template and template_file"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_before_anything_is_stored(
    jarvis: Jarvis, channels: Path, flags: list[str], told: str
) -> None:
    said = jarvis("task", "add", "t", "--every", "1d", *flags, "--", "true")
    assert (said.code, told in said.err) == (2, True), said.err
    assert jarvis("task", "list", "--json").json == []


def test_in_a_file_each_entry_may_have_its_own_words(jarvis: Jarvis, channels: Path, home: Path) -> None:
    (home / "brief.txt").write_text("Subject: from the file\n")
    channels.write_text(f"""{TOML}
[tasks.t]
every = "1d"
command = ["echo", "hi"]
template = "for the others"
deliver = [
    "me",
    {{ channel = "me", on = "failure", template = "its own" }},
    {{ channel = "broken", on = "recovery", template_file = "brief.txt" }},
]
""")
    assert jarvis("apply").code == 0
    deliver = jarvis("task", "show", "t", "--json").json["deliver"]
    assert [each["template"] for each in deliver] == ["for the others", "its own", "Subject: from the file\n"]
    (home / "brief.txt").write_text("Subject: changed\n")
    assert "~ change t: deliver" in jarvis("apply").out
    channels.write_text(channels.read_text().replace("template_file", "template_fil"))
    said = jarvis("apply")
    assert (said.code, "a table of deliver has no key 'template_fil'" in said.err) == (2, True), said.err


def test_without_apprise_a_task_cannot_be_given_such_a_channel_and_a_test_says_why(
    jarvis: Jarvis, channels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise, "find_spec", lambda _name: None)
    for words in (
        ("task", "add", "t", "--every", "1d", "--deliver", "topic", "--", "true"),
        ("delivery", "test", "topic"),
    ):
        said = jarvis(*words)
        assert said.code == 2
        assert "topic: a channel with a url needs the library Apprise: pip install 'jarvis-daemon[notify]'" in said.err


def test_a_secret_that_is_not_there_is_named_when_the_channel_is_tested(jarvis: Jarvis, channels: Path) -> None:
    said = jarvis("delivery", "test", "hook")
    assert (said.code, said.err) == (1, "jarvis: error: the secret ${env:NO_SUCH_SECRET} is not set\n")

"""`[inbox.sources.NAME]`: what is read, and every problem said at once, no secret repeated."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from jarvis.config import load_config
from jarvis.errors import ConfigError
from jarvis.settings.sources import LARGEST, Source, read_sources


def problems(text: str) -> list[str]:
    found, wrong = read_sources(tomllib.loads(text))
    assert wrong or found
    return wrong


def test_a_source_is_read_with_what_its_kind_of_sender_does() -> None:
    found, wrong = read_sources(
        tomllib.loads("""
        [github]
        signature = "github"
        secret = "${env:GITHUB_SECRET}"
        [shop]
        signature = "stripe"
        secret = ["${env:NEW}", "${file:old-key}"]
        max_size = "64KB"
        tolerance = "1m"
        per_minute = 10
        [bell]
        signature = "none"
        event_type = "ring"
        [other]
        signature = "standard-webhooks"
        secret = "${keyring:jarvis/other}"
        type_field = "data.kind"
        id_header = "X-Id"
        """)
    )
    assert wrong == []
    assert found == {
        "github": Source("github", ("${env:GITHUB_SECRET}",), type_header="X-GitHub-Event"),
        "shop": Source("stripe", ("${env:NEW}", "${file:old-key}"), type_field="type", id_field="id",
                       max_size=65536, tolerance=60, per_minute=10),
        "bell": Source("none", event_type="ring", type_field="type", id_header="Idempotency-Key"),
        "other": Source("standard-webhooks", ("${keyring:jarvis/other}",), type_field="data.kind", id_header="X-Id"),
    }  # fmt: skip
    assert [source.signed for source in found.values()] == [True, True, False, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[x]\nsignature = "githb"\nsecret = "${env:A}"', "not allowed (got 'githb'. Did you mean github?)"),
        ('[x]\nsecret = "${env:A}"', "inbox.sources.x.signature: missing; allowed: standard-webhooks"),
        ('[x]\nsignature = "github"', "inbox.sources.x.secret: missing"),
        ('[x]\nsignature = "none"\nsecret = "${env:A}"', "inbox.sources.x.secret: nothing is signed with it"),
        ('[x]\nsignature = "github"\nsecret = "hunter2"', "a secret itself does not belong in this file"),
        ('[x]\nsignature = "github"\nsecret = "${evn:A}"', "names no secret"),
        ('[x]\nsignature = "github"\nsecret = []', "inbox.sources.x.secret: not allowed"),
        ('[x]\nsignature = "github"\nsecret = 7', "inbox.sources.x.secret: not allowed"),
        ('[x]\nsignature = "none"\nmax_sise = 1', "max_sise: not a key of a source"),
        ('[x]\nsignature = "none"\nmax_size = "2MB"', "2097152 bytes are more than a file of the inbox can take"),
        ('[x]\nsignature = "none"\nmax_size = 0', "max_size: not allowed"),
        ('[x]\nsignature = "none"\ntolerance = "2d"', "tolerance: not allowed"),
        ('[x]\nsignature = "none"\ntolerance = []', "tolerance: not allowed"),
        ('[x]\nsignature = "none"\nper_minute = true', "per_minute: not allowed"),
        ('[x]\nsignature = "none"\ntype_header = "a b"', "type_header: not allowed"),
        ('[x]\nsignature = "none"\ntype_field = "a..b"', "type_field: not allowed"),
        ('[x]\nsignature = "none"\nevent_type = " a"', "event_type: not allowed"),
        ('["a/b"]\nsignature = "none"', "inbox.sources.a/b: allowed: a name of letters"),
        ("x = 1", "inbox.sources.x: allowed: a table"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_is_allowed(text: str, said: str) -> None:
    (problem,) = problems(text)
    assert said in problem
    assert problem.startswith("jarvis.toml key inbox.sources.")
    assert "hunter2" not in problem


def test_a_body_fits_into_a_file_of_the_inbox() -> None:
    from jarvis.handlers.webhook_poll import Limits

    assert Limits().size > LARGEST + 4096


def test_the_configuration_has_the_sources_and_says_every_problem(home: Path) -> None:
    (home / "jarvis.toml").write_text('[inbox.sources.bell]\nsignature = "none"\n')
    assert load_config().inbox_sources["bell"].signature == "none"
    (home / "jarvis.toml").write_text("[inbox.sources.a]\n[inbox.sources.b]\nsecret = 1\n[inbox.sorces.c]\n")
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert [line.partition(":")[0] for line in caught.value.problems] == [
        "jarvis.toml key inbox.sorces",
        "jarvis.toml key inbox.sources.a.signature",
        "jarvis.toml key inbox.sources.b.secret",
        "jarvis.toml key inbox.sources.b.signature",
    ]

"""References to secrets: what is one, what it comes to, and that nothing of it is shown."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend

from jarvis.settings.secretref import HIDDEN, SecretError, Secrets, check, references

SECRET = 'pässwörd "with" \\ and %/ + signs'


def secrets(folder: Path = Path(), **environ: str) -> Secrets:
    return Secrets(lambda: environ, folder)


def test_a_text_without_references_is_itself() -> None:
    assert secrets().resolve("ntfy://host/$topic/{x}$") == "ntfy://host/$topic/{x}$"
    assert references("ntfy://host/$topic/{x}$") == ()


def test_references_are_replaced_where_they_stand_and_an_escaped_one_stays() -> None:
    text = "https://${env:USER}:${env:TOKEN}@host/$${env:TOKEN}"
    assert references(text) == ("${env:USER}", "${env:TOKEN}")
    assert secrets(USER="ada", TOKEN="t0ken").resolve(text) == "https://ada:t0ken@host/${env:TOKEN}"


def test_what_a_secret_holds_is_not_read_as_a_reference() -> None:
    assert secrets(A="${env:B}", B="no").resolve("${env:A}") == "${env:B}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("${env:X", "not closed"),
        ("${environ:X}", "Did you mean env"),
        ("${X}", r"\$\{X\} names no secret"),
        ("${env:}", "a name is missing"),
        ("${env:A=B}", "holds what no name may"),
        ("${env:A\nB}", "holds what no name may"),
        ("${keyring:alone}", "SERVICE/NAME"),
        ("${keyring:/name}", "SERVICE/NAME"),
    ],
)
def test_what_is_no_reference_is_refused_when_it_is_read(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check(f"before {text}")


def test_a_secret_that_is_not_there_is_named_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"\$\{env:NONE\} is not set"):
        secrets().resolve("${env:NONE}")
    with pytest.raises(SecretError, match=r"\$\{env:EMPTY\} is empty"):
        secrets(EMPTY="").resolve("${env:EMPTY}")
    with pytest.raises(SecretError, match=r"\$\{file:gone\} cannot be read: No such file"):
        secrets(tmp_path).resolve("${file:gone}")


def test_a_file_is_read_without_its_last_line_break_and_only_if_nobody_else_may(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("t0ken\n")
    path.chmod(0o640)
    with pytest.raises(SecretError, match="can be read by others: chmod 600"):
        secrets(tmp_path).resolve("${file:token}")
    path.chmod(0o600)
    assert secrets(tmp_path).resolve("${file:token}") == "t0ken"
    assert secrets().resolve(f"${{file:{path}}}") == "t0ken"
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretError, match="no file"):
        secrets(tmp_path).resolve("${file:pipe}")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SecretError, match="not UTF-8"):
        secrets(tmp_path).resolve("${file:token}")
    path.write_text("\n")
    with pytest.raises(SecretError, match="empty"):
        secrets(tmp_path).resolve("${file:token}")


class Held(KeyringBackend):
    """A keyring in memory: the machine that runs the tests may have none of its own."""

    priority = 1
    held: ClassVar[dict[tuple[str, str], str]] = {}

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked away":
            raise RuntimeError("the password is hunter2")
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


@pytest.fixture
def own_keyring() -> Iterator[None]:
    """The real library, over that keyring."""
    before = keyring.get_keyring()
    keyring.set_keyring(Held())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("own_keyring")
def test_the_keyring_is_asked_by_service_and_name() -> None:
    keyring.set_password("https://mail/x", "ada", "t0ken")
    assert secrets().resolve("${keyring:https://mail/x/ada}") == "t0ken"
    with pytest.raises(SecretError, match="`keyring set mail bob`"):
        secrets().resolve("${keyring:mail/bob}")
    with pytest.raises(SecretError) as caught:
        secrets().resolve("${keyring:locked away/x}")
    assert "RuntimeError" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretError, match=r"jarvis-daemon\[keyring\]"):
        secrets().resolve("${keyring:mail/ada}")


def test_what_was_looked_up_is_taken_out_of_every_form_it_may_be_shown_in() -> None:
    held = secrets(X=SECRET)
    held.resolve("${env:X}")
    for shown in (SECRET, quote(SECRET), quote(SECRET, safe=""), repr(SECRET), json.dumps(SECRET)):
        assert held.scrub(f"could not reach x:{shown}@host").replace("'", "").replace('"', "") in (
            f"could not reach x:{HIDDEN}@host",
        )


def test_a_secret_within_another_hides_both() -> None:
    held = secrets(A="abcd", B="abcdef")
    held.resolve("${env:A}${env:B}")
    assert held.scrub("abcdef abcd") == f"{HIDDEN} {HIDDEN}"


def test_what_was_written_down_can_be_hidden_as_well_unless_it_is_in_every_word() -> None:
    held = secrets()
    held.hide("t0ken\n")
    held.hide("a")
    assert held.scrub("a t0ken and more") == f"a {HIDDEN} and more"


@given(st.text(min_size=3).filter(str.strip), st.text(), st.text())
def test_no_text_with_a_secret_in_it_comes_out_with_it(secret: str, before: str, after: str) -> None:
    held = Secrets(lambda: {"X": secret})
    held.resolve("${env:X}")
    assert secret in HIDDEN or len(secret.strip()) < 3 or secret not in held.scrub(before + secret + after)

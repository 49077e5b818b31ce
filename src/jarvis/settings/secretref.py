"""Secrets that a setting names and does not hold: `${env:NAME}`, `${keyring:SERVICE/NAME}`, `${file:PATH}`.

What a reference comes to is looked up at the moment of its use, and is never stored, logged or shown. Whoever looked
one up gives every text that leaves it to `scrub` first. `$${` stands for `${` itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from stat import S_ISREG

from jarvis.errors import JarvisError
from jarvis.scheduler.suggest import did_you_mean

HIDDEN = "***"
EXTRA = "pip install 'jarvis-daemon[keyring]'"
SOURCES = ("env", "keyring", "file")

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)\}|\$\{")
_LARGEST = 64 * 1024  # bytes of a secret in a file: a key, never a database
_SHORTEST = 3  # characters; a shorter one is in too many words to be taken out of them

Environ = Callable[[], Mapping[str, str]]


class SecretError(JarvisError):
    """A secret cannot be had now. Names the reference, never what it holds."""


def references(text: str) -> tuple[str, ...]:
    """The references in a text, as they are written. ValueError, with what is allowed, for one that is none."""
    return tuple(match.group() for match in _REFERENCE.finditer(text) if match.group() != "$${" and _parts(match))


def check(text: str) -> str:
    """The text, if every reference in it is one. Nothing is looked up."""
    references(text)
    return text


class Secrets:
    """Looks secrets up, and takes them out of whatever is to be shown. For one use: made anew for the next."""

    def __init__(self, environ: Environ = lambda: os.environ, folder: Path = Path()) -> None:
        """`folder` is where the relative path of `${file:PATH}` starts."""
        self._environ = environ
        self._folder = folder
        self._known: set[str] = set()

    def resolve(self, text: str) -> str:
        """The text with each reference replaced by what it names. SecretError if one cannot be had."""
        return _REFERENCE.sub(self._looked_up, text)

    def hide(self, text: str) -> None:
        """Take this out as well: a secret that was written down as it is."""
        if len(text.strip()) >= _SHORTEST:
            self._known |= {text, text.strip()}

    def scrub(self, text: str) -> str:
        """The text without any of them: as they are, quoted as in a URL, or escaped as Python and JSON show them."""
        for secret in sorted(set(self._forms()), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def _forms(self) -> Iterator[str]:
        from json import dumps  # noqa: PLC0415 - only where there is a secret
        from urllib.parse import quote, quote_plus  # noqa: PLC0415 - the same

        for secret in self._known:
            yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))
            yield from (repr(secret)[1:-1], dumps(secret)[1:-1], dumps(secret, ensure_ascii=False)[1:-1])

    def _looked_up(self, match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        source, name = _parts(match)
        found = {"env": self._from_environment, "keyring": _from_keyring, "file": self._from_file}[source](name)
        self.hide(found)
        return found

    def _from_environment(self, name: str) -> str:
        value = self._environ().get(name)
        if not value:
            raise SecretError(f"the secret ${{env:{name}}} is {'not set' if value is None else 'empty'}")
        return value

    def _from_file(self, name: str) -> str:
        path = self._folder / Path(name).expanduser()
        try:
            facts = path.stat()
            if not S_ISREG(facts.st_mode) or facts.st_size > _LARGEST:
                raise SecretError(f"the secret ${{file:{name}}} is no file of at most {_LARGEST} bytes")
            if facts.st_mode & 0o077:
                raise SecretError(f"the secret ${{file:{name}}} can be read by others: chmod 600 it first")
            value = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise SecretError(f"the secret ${{file:{name}}} cannot be read: {why}") from None
        if not value:
            raise SecretError(f"the secret ${{file:{name}}} is empty")
        return value


def _from_keyring(name: str) -> str:
    service, _, user = name.rpartition("/")
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise SecretError(f"the secret ${{keyring:{name}}} needs the library keyring: {EXTRA}") from None
    try:
        value = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - each keyring raises its own
        raise SecretError(f"the secret ${{keyring:{name}}} cannot be had: {type(error).__name__}") from None
    if not value:
        raise SecretError(f"the keyring holds no secret {name}: `keyring set {service} {user}` puts it there")
    return value


def _parts(match: re.Match[str]) -> tuple[str, str]:
    """Source and name of a reference. ValueError if it is none."""
    inside = match["inside"]
    if inside is None:
        raise ValueError("a reference such as ${env:NAME} is not closed; write $${ for the text ${ itself")
    source, colon, name = inside.partition(":")
    if source not in SOURCES or not colon:
        hint = did_you_mean(source, SOURCES)
        raise ValueError(
            f"${{{inside}}} names no secret: use ${{env:NAME}}, ${{keyring:SERVICE/NAME}}, ${{file:PATH}}.{hint}"
        )
    if not name.strip() or not name.isprintable() or (source == "env" and "=" in name):
        raise ValueError(f"${{{inside}}} names no secret: a name is missing or holds what no name may")
    if source == "keyring" and not all(name.rpartition("/")):
        raise ValueError(f"${{{inside}}} names no secret: use ${{keyring:SERVICE/NAME}}")
    return source, name

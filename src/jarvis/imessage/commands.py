"""What a message can ask for, and what it is answered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from jarvis.errors import JarvisError, NotFound, StoreError, StoreUnusable, UsageError
from jarvis.imessage.gate import LONGEST
from jarvis.imessage.ports import House, Reminder
from jarvis.imessage.reminder import read_reminder
from jarvis.imessage.state import Answer, Request, StateStore
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.suggest import did_you_mean

CODE_LIFE = timedelta(minutes=5)
_REMINDED = timedelta(days=1)  # since a reminder was due, until its task goes
_RISKY = ("run", "pause")
_CONFIRM = ("yes", "confirm")
_SHOWN = 60  # characters of what was said that are repeated

VERBS = {
    "status": "what is going on",
    "next": "next NAME: when a task is due",
    "why": "why NAME: what became of a task",
    "run": "run NAME: start a task now",
    "pause": "pause NAME: start it no more",
    "resume": "resume NAME: let it run again",
    "remind": "remind me in 20 minutes to call Ada",
    "help": "this list",
}


class Commands:
    """Carries out one command after another. Nothing of a message ever reaches a shell: names are looked up."""

    def __init__(self, house: House, state: StateStore, zone: ZoneInfo, prefix: str, code: Callable[[], str]) -> None:
        """`code` makes up one that nobody can guess."""
        self._house = house
        self._state = state
        self._zone = zone
        self._prefix = prefix
        self._code = code

    def carry_out(self, request: Request, now: datetime) -> Answer:
        """The answer to a command. StoreError where it cannot be carried out now, and can be later."""
        try:
            return self._answered(request, now)
        except StoreError:
            raise
        except JarvisError as error:
            return Answer(str(error), failed=True)

    def tidy(self, now: datetime) -> None:
        """Take away reminders that are long over. A store that must not be touched is the main daemon's to tell of."""
        with suppress(StoreUnusable, NotFound):
            self._house.tidy(now - _REMINDED)

    def _answered(self, request: Request, now: datetime) -> Answer:
        verb, rest = _split(request.text)
        if len(request.text) > LONGEST:
            raise UsageError(f"That is too long: {LONGEST} characters at most.")
        if verb in _CONFIRM or (verb.isdecimal() and not rest):
            return self._confirmed(request, rest or verb, now)
        if verb in _RISKY:
            return self._asked_back(verb, self._house.named(_name(verb, rest)), now)
        if verb == "remind":
            return Answer(self._remind(request, rest, now))
        return Answer(self._plain(verb, rest))

    def _plain(self, verb: str, rest: str) -> str:
        if verb == "status":
            return self._house.status()
        if verb == "next":
            return self._house.next(self._house.named(_name(verb, rest)))
        if verb == "why":
            return self._house.why(self._house.named(_name(verb, rest)))
        if verb == "resume":
            return self._house.resume(self._house.named(_name(verb, rest)))
        if verb == "help":
            return self._help()
        hint = did_you_mean(verb, VERBS)
        raise UsageError(f"I do not know {_shown(verb)!r}.{hint} Send: {self._prefix} help")

    def _help(self) -> str:
        lines = [text if text.startswith(verb) else f"{verb}: {text}" for verb, text in VERBS.items()]
        return "\n".join([f"Each begins with {self._prefix}", *lines])

    # -- what is asked back first -----------------------------------------------------------------------------
    def _asked_back(self, verb: str, name: str, now: datetime) -> Answer:
        code = self._code()
        life = format_duration(CODE_LIFE)
        text = f"To {verb} {name}, send within {life}: {self._prefix} yes {code}"
        return Answer(text, code=code, code_until=now + CODE_LIFE)

    def _confirmed(self, request: Request, code: str, now: datetime) -> Answer:
        said = self._state.confirmed(request, code.strip(), now)
        if said is None:
            raise UsageError("That code confirms nothing: it is wrong, used or too old. Send the command again.")
        verb, rest = _split(said)
        name = self._house.named(_name(verb, rest))
        if verb == "run":
            return Answer(self._house.run(name, request.asked_at))
        return Answer(self._house.pause(name, request.sender))

    # -- reminders --------------------------------------------------------------------------------------------
    def _remind(self, request: Request, rest: str, now: datetime) -> str:
        """Counted from when it was sent, so that "in 20 minutes" means the sender's 20 minutes."""
        asked = min(request.sent_at, request.asked_at)
        at, text = read_reminder(rest, asked, self._zone)
        return self._house.remind(Reminder(request.guid, at, text, request.recipient), now)


def _split(text: str) -> tuple[str, str]:
    """The first word in lower case, and what follows it."""
    verb, rest = [*text.split(maxsplit=1), "", ""][:2]
    return verb.lower().rstrip(":,"), rest.strip()


def _name(verb: str, rest: str) -> str:
    if not rest:
        raise UsageError(f"{verb.capitalize()} which task? Send its name after it.")
    return rest


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

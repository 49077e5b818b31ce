"""Who works on the store: one daemon should live, say so every minute, and be of this version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import jarvis
from jarvis.doctor.case import Case
from jarvis.doctor.finding import Finding, named, note, ok, span, warning
from jarvis.memory.life import this_host
from jarvis.scheduler.model import Instance

SILENT = timedelta(minutes=5)  # it says every minute that it lives; a busy or sleeping machine may be late
START = "`jarvis service install` keeps one running; `jarvis daemon` starts one in this terminal"


def daemons(case: Case) -> Iterator[Finding]:
    """Those that live, and what is left of those that do not."""
    if case.config.database_path is None:
        return  # each process has a store of its own
    living, gone = case.store().instances(case.now) if case.opened() else ([], [])
    if not living:
        yield warning("no daemon is running", START)
    for each in living:
        yield from _of(each, case)
    here = [each for each in living if each.host == this_host()]
    if len(here) > 1:
        yield warning(
            f"{len(here)} processes of this machine work on the store: {_pids(here)}",
            "nothing runs twice for that, but one is enough: find out who starts the other, and end it (a `jarvis "
            "tick` counts for as long as it takes)",
        )
    if gone:
        yield note(
            f"{_pids(gone)} ended without signing off (killed, or with the power)",
            "the next daemon recovers what they had begun",
        )


def _of(each: Instance, case: Case) -> Iterator[Finding]:
    who = f"process {each.pid}" + ("" if each.host == this_host() else f" on {each.host}")
    silence = case.now - each.heartbeat_at
    if silence > SILENT:
        yield warning(
            f"{who} lives and has not said so for {span(silence)}: it hangs, cannot write, or the machine just woke",
            "ask again in a minute; then `jarvis service logs`, and `jarvis service restart`",
        )
    elif each.version != jarvis.__version__:
        yield warning(
            f"{who} runs jarvis {each.version}, and this is {jarvis.__version__}",
            "`jarvis service restart` starts this one",
        )
    else:
        yield ok(f"{who}, since {case.moment(each.started_at)}")


def _pids(instances: Sequence[Instance]) -> str:
    return named(f"process {each.pid}" for each in instances)

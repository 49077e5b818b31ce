"""What keeps the daemon running, and what once did the work of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jarvis.doctor.case import Case
from jarvis.doctor.finding import Finding, named, note, ok, warning
from jarvis.errors import JarvisError
from jarvis.service.install import installed_text
from jarvis.service.machine import NoManager
from jarvis.service.manager import Manager, State
from jarvis.service.migrate import OLD_AGENTS, unfinished

INSTALL = "`jarvis service install` sees to that"
ALONE = "keep `jarvis daemon` running yourself, in tmux or by cron's @reboot"


def service(case: Case) -> Iterator[Finding]:
    """Whether launchd or systemd has it, and has it right."""
    try:
        manager = case.manager()
        state = manager.state()
    except NoManager as nobody:
        said, _, more = str(nobody).partition("\n")[0].partition(". ")
        yield note(said, f"{more}. Or {ALONE}" if more else ALONE)
        return
    text = installed_text(manager.file)
    if text is None and not state.loaded:
        yield note(f"no service of {manager.name} keeps the daemon running", INSTALL)
        return
    wrong = [*_state(manager, state, case), *_file(manager, text, state)]
    yield from wrong or [ok(f"{manager.service.label} runs under {manager.name}: process {state.pid}")]
    survives, advice = manager.after_logout()
    if advice and not survives:
        yield note("the service ends when you log out, and starts when you log in", advice)


def _state(manager: Manager, state: State, case: Case) -> Iterator[Finding]:
    label = manager.service.label
    if not state.running and state.last_exit == "exit code 0":
        yield warning(f"{label} was stopped", "`jarvis service restart` starts it")
    elif not state.running:
        ended = f": {state.last_exit}" if state.last_exit else ""
        yield warning(
            f"{label} does not run{ended}", "`jarvis service logs` says why; `jarvis service restart` starts it"
        )
    elif not _is_on_store(state, case):
        yield warning(
            f"{label} runs as process {state.pid}, which has not entered the store of this home",
            "`jarvis service logs` says why; is it another home's?",
        )


def _is_on_store(state: State, case: Case) -> bool:
    if (store := case.opened()) is None:
        return False
    try:
        living, _ = store.instances(case.now)
    except JarvisError:
        return False  # a store that we cannot use is one that it refuses
    return state.pid in [each.pid for each in living]


def _file(manager: Manager, text: str | None, state: State) -> Iterator[Finding]:
    if text is None:
        yield warning(f"{manager.file} is not there, though {manager.name} has the service loaded", INSTALL)
    elif not manager.is_current(text):
        yield warning(
            f"{manager.file} is not what this version writes", "`jarvis service install` brings it up to date"
        )
    if not state.at_login:
        yield warning(f"{manager.service.label} does not start by itself", INSTALL)


def old_agents(case: Case) -> Iterator[Finding]:
    """The three agents before Jarvis, which would do its work once more; and a move from them that has not ended."""
    if said := unfinished(case.config.data_dir / "migration" / "journal.json"):
        yield warning(said, "run that command")
    folder = Path.home() / "Library" / "LaunchAgents"
    left = [label for label in OLD_AGENTS if (folder / f"{label}.plist").exists() or case.is_loaded(label)]
    if left:
        yield warning(
            f"agents from before Jarvis are still there, and do its work once more: {named(left)}",
            "`jarvis service migrate` moves from them to the service",
        )
    elif not said:
        yield ok("none is left")

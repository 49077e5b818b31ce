"""All checks, one after another: none that fails or hangs keeps the others from being made."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from traceback import extract_tb

from jarvis.doctor import channels, daemons, folders, service, settings, store, work
from jarvis.doctor.case import Case, Check, NotLookedAt
from jarvis.doctor.finding import WRONG, Finding, error, note, warning
from jarvis.errors import JarvisError, StoreDamaged

PATIENCE = 30.0  # seconds for one check

CHECKS: dict[str, Check] = {
    "configuration": settings.configuration,
    "home": folders.home,
    "disk": folders.disk,
    "log": folders.log,
    "store": store.whole,
    "schema": store.schema,
    "sqlite": store.sqlite,
    "clock": settings.clock,
    "zone": settings.zone,
    "daemon": daemons.daemons,
    "service": service.service,
    "old agents": service.old_agents,
    "tasks": work.tasks,
    "inbox": work.inbox,
    "channels": channels.channels,
    "deliveries": work.deliveries,
    "incidents": work.incidents,
    "imessage": channels.messages,
    "backups": store.backups,
}


def examine(case: Case, checks: Mapping[str, Check] = CHECKS, patience: float = PATIENCE) -> Iterator[Finding]:
    """What each check finds, in their order. What several meet, such as a store that cannot be read, is told once."""
    told: set[str] = set()
    for name, check in checks.items():
        # Somebody may be typing a password into a keyring's window, or a server be slow: a send has its own deadline.
        unhurried = case.send is not None and check is channels.channels
        for each in _within(check, case, None if unhurried else patience):
            if each.severity not in WRONG or each.found not in told:
                yield each._replace(name=name)
            told.add(each.found)


def _within(check: Check, case: Case, patience: float | None) -> list[Finding]:
    found: list[Finding] = []
    thread = threading.Thread(target=_carry_out, args=(check, case, found), name="jarvis-doctor", daemon=True)
    thread.start()
    thread.join(patience)
    if not thread.is_alive():
        return found
    todo = "something that it asked does not answer: a disk, a keyring, or the service manager"
    return [*found, warning(f"this was not found out within {patience:g} s", todo)]


def _carry_out(check: Check, case: Case, found: list[Finding]) -> None:
    """Add what it finds, and what keeps it from finding more."""
    try:
        found.extend(check(case))
    except NotLookedAt as why:
        found += [note(str(why))] if str(why) else []
    except StoreDamaged:
        found.append(note("not looked at: the store is damaged"))
    except JarvisError as wrong:
        found.append(warning(str(wrong), "do what it says, and ask the doctor again"))
    except OSError as wrong:
        place = f"{wrong.filename}: " if wrong.filename else ""
        found.append(warning(f"{place}{wrong.strerror or wrong}", "see who may read it, and whether its disk is sound"))
    except Exception as broken:  # noqa: BLE001 - a fault of a check is a finding, and stops no other check
        at = extract_tb(broken.__traceback__)[-1]
        # Not its text, which may hold anything.
        said = f"this check is broken: {type(broken).__name__} in {at.filename}, line {at.lineno}"
        found.append(error(said, "that is a fault of Jarvis: please report it"))

"""The work itself: tasks, what comes in, what goes out, what fires."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from jarvis.doctor.case import Case
from jarvis.doctor.finding import Finding, counted, named, note, ok, short, span, warning
from jarvis.handlers.inbox_files import FAILED, listing
from jarvis.handlers.inbox_view import failed_names
from jarvis.memory.health import TaskHealth, Unsent

OVERDUE = timedelta(minutes=5)  # beyond what a daemon that waits for a busy disk, or just woke, may need
STUCK = timedelta(minutes=15)  # files and deliveries that wait so long wait for nothing that comes by itself
UNSENT_FOR = timedelta(days=1)  # older ones were seen, or will never be
EVER = timedelta(days=20_000)
ON_THEIR_WAY = ("pending", "sending")
_LOOKED_AT = 1000  # files of the inbox


# -- tasks ------------------------------------------------------------------------------------------------
def tasks(case: Case) -> Iterator[Finding]:
    """Those that fail, were paused for it, are due with nobody to run them, or cannot be read."""
    store = case.store()
    found = store.health.tasks()
    wrong = [*_paused(found), *_failing(found), *_overdue(case)]
    if unreadable := store.unreadable():
        wrong.append(
            warning(f"what is stored of {named(unreadable)} cannot be read", "remove these tasks and add them again")
        )
    enabled = sum(task.enabled for task in found)
    yield from wrong or [ok(f"{enabled} enabled, {len(found) - enabled} paused; none of them fails")]


def _paused(found: list[TaskHealth]) -> Iterator[Finding]:
    for task in found:
        if not task.enabled and task.failures:
            yield warning(
                f"{task.name} was {short(task.pause_reason)}",
                f"`jarvis runs list --task {task.name}` shows why; `jarvis task resume {task.name}` lets it run again",
            )


def _failing(found: list[TaskHealth]) -> Iterator[Finding]:
    for task in found:
        if task.enabled and task.failures:
            often = "the last run" if task.failures == 1 else f"the last {task.failures} runs"
            yield warning(
                f"{task.name} fails: {often}, with {short(task.last_reason) or 'no reason'}",
                f"`jarvis why {task.name}` and `jarvis runs logs {task.name}` say more",
            )


def _overdue(case: Case) -> Iterator[Finding]:
    late = case.store().overdue(case.now - OVERDUE)
    if not late:
        return
    living, _ = case.store().instances(case.now)
    since = f"the longest since {case.moment(late[0][1])}"
    names = named(name for name, _ in late)
    if living:
        yield warning(
            f"due, and not recorded by the daemon that lives: {names}; {since}", "`jarvis service logs` may say why"
        )
    else:
        yield warning(
            f"due, and no daemon runs: {names}; {since}", "start one: `jarvis service install`, or `jarvis daemon`"
        )


# -- what comes in ----------------------------------------------------------------------------------------
def inbox(case: Case) -> Iterator[Finding]:
    """Files that wait too long, that were refused, or that are no files."""
    folder = case.config.inbox_dir
    if not folder.is_dir():
        yield note(f"there is no inbox {folder} yet", "the first command that stores something makes it")
        return
    found, wrong = listing(folder, _LOOKED_AT), list[Finding]()
    waiting, longest = len(found.names) + found.beyond, _longest(folder, found.names, case.now)
    if longest > STUCK:
        wrong.append(
            warning(
                f"{counted(waiting, 'file')} in {folder}, the oldest for {span(longest)}",
                "`jarvis inbox list` says why; a daemon with a task of the handler webhook_poll takes them in",
            )
        )
    if failed := failed_names(folder / FAILED):
        todo = "`jarvis inbox list --state failed` says why; `jarvis inbox retry` sends them back; or delete them"
        wrong.append(warning(f"{counted(len(failed), 'file')} refused, in {folder / FAILED}", todo))
    if found.odd_count:
        wrong.append(note(f"never taken in, as it is no plain file: {named(found.odd)}", f"take it out of {folder}"))
    yield from wrong or [ok(f"{counted(waiting, 'file')} waiting, none refused")]


def _longest(folder: Path, names: list[str], now: datetime) -> timedelta:
    """How long the oldest of them has waited, going by when it was written; which may be any number."""
    ages = [0.0]
    for name in names:
        try:
            ages.append(now.timestamp() - os.lstat(folder / name).st_mtime)
        except FileNotFoundError:  # taken in since
            continue
    return timedelta(seconds=min(max(ages), EVER.total_seconds()))


# -- what goes out, and what fires ------------------------------------------------------------------------
def deliveries(case: Case) -> Iterator[Finding]:
    """Results that wait too long, and those of the last day that did not arrive for sure."""
    health, wrong = case.store().health, list[Finding]()
    for each in health.unsent(case.now - EVER, case.now - STUCK):
        if each.state in ON_THEIR_WAY:
            wrong.append(warning(_told(each, case), "`jarvis delivery list` says what they wait for"))
    for each in health.unsent(case.now - UNSENT_FOR, case.now):
        if each.state not in ON_THEIR_WAY:
            todo = "`jarvis delivery list` says why; `jarvis delivery retry` sends them again"
            wrong.append(warning(_told(each, case), todo))
    yield from wrong or [ok("everything of the last day arrived, or is on its way")]


def _told(each: Unsent, case: Case) -> str:
    return f"{each.channel}: {each.count} {each.state}, the oldest of {case.moment(each.oldest)}"


def incidents(case: Case) -> Iterator[Finding]:
    """What rules found and is not over."""
    found = case.store().incidents()
    if firing := found.get("firing"):
        yield warning(
            f"firing: {named(firing)}", "`jarvis incident list` says what; `jarvis incident ack` that you know"
        )
    if seen := found.get("acknowledged"):
        yield note(f"acknowledged, and not over: {named(seen)}", "`jarvis incident list` says what")
    if not found:
        yield ok("nothing fires")

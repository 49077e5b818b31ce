"""Finding the processes of a run and ending them: all of them, and nothing else.

A process belongs to a run when it is in the process group or the session of the command that was started
(the leader), or carries the run's marks in its environment or its brand, or is a descendant of one that does. Both
are inherited, so they also find a child that called setsid(2) and was re-parented.

What is never done: to signal a number that may meanwhile mean another process. A group is signalled as a
whole only while its leader is our child that was not waited for, because until then its number is not given
away (wait(2)); a single process is signalled through a pidfd (pidfd_open(2)) opened before its start time was
compared once more. Where there is no pidfd the time between that comparison and kill(2) is the risk left.

Not found, and so not ended: what forks faster than it is looked for; what runs under another daemon (docker, at,
systemd-run) or on another machine; and where there are no brands (`jarvis.handlers.brand`) and no cgroup
(`jarvis.handlers.cgroup`), a process that left the group and the session and lost its parent and wiped its
environment, all four, before anybody looked. On macOS the environment of programs that come with the system cannot
be read, so those count as wiped. Why the daemon is no child subreaper: docs/adr/0006. What belongs to another user is
found but may refuse to be signalled: it is reported as left.

Sources: setpgid(2), setsid(2), waitid(2), proc_pid_stat(5), proc_pid_environ(5); ps(1), kqueue(2) for macOS.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from signal import Signals
from typing import Protocol

from jarvis.handlers.brand import Brand
from jarvis.handlers.processtable import Process, environments, look, table

OWNER = "JARVIS_OWNER"
"""The variable that marks a process with the daemon it was started by."""

CONFIRM = 5.0
"""Seconds in which a process must be gone after SIGKILL; one that hangs in the kernel (state D) is not."""

_STEP = 0.02  # seconds between two looks at processes that were told to end
_OWNER_GRACE = 2.0
_LOG = logging.getLogger("jarvis.handler")


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of ending processes: how many there were, the last signal it took, who is still there."""

    found: int
    by: Signals
    left: tuple[Process, ...]
    blind: str = ""  # why the process table could not be read, and nothing is known of who is left

    @property
    def left_said(self) -> str:
        """Who is still there, for people; "" when all are gone."""
        if self.blind:
            return f"the process table cannot be read ({self.blind})"
        return ", ".join(f"pid {process.pid}" for process in self.left) + " still there" if self.left else ""


class Enclosure(Protocol):
    """What holds every process of a run, whatever they do: a cgroup."""

    def pids(self) -> set[int]: ...
    def kill(self) -> None: ...


class Tree:
    """The processes of one run, or with no leader all that carry the marks.

    Never among them: this process, and those it descends from, whatever they carry.

    `held` says that the leader is our child and was not waited for: whoever waits for it sets it to False.
    """

    def __init__(
        self,
        marks: Iterable[str],
        leader: int | None = None,
        *,
        brand: Brand | None = None,
        cgroup: Enclosure | None = None,
    ) -> None:
        """`marks` are `NAME=value` as in the environment; a process must carry all of them."""
        self.held = leader is not None
        self._marks = _checked(marks)
        self._brand = brand
        self._leader = leader
        self._cgroup = cgroup
        self._known: set[Process] = set()

    def find(self) -> list[Process]:
        """Those that live now. What was found once stays known, whoever its parent is by then."""
        everyone = _without_us(table())
        marked = _carrying(self._marks, everyone)
        marked |= self._cgroup.pids() if self._cgroup else set()
        marked |= {pid for pid in everyone if self._brand.carried_by(pid)} if self._brand else set()
        roots = [pid for pid, process in everyone.items() if pid in marked or process in self._known]
        family = _with_descendants(roots + self._around_leader(everyone), everyone)
        living = [process for pid, process in everyone.items() if pid in family and not process.dead]
        self._known.update(living)
        return living

    def end(self, grace: float, wait: Callable[[float], object] = time.sleep) -> Ending:
        """SIGTERM, after `grace` seconds SIGKILL, and look until nothing is found. `wait` passes the time.

        `wait` may come back early. At most `grace` + CONFIRM seconds.
        """
        try:
            by, left = Signals.SIGTERM, self._press(Signals.SIGTERM, grace, wait)
            if left:
                by, left = Signals.SIGKILL, self._press(Signals.SIGKILL, CONFIRM, wait)
        except OSError as error:  # out of descriptors or memory; the group can be killed without looking
            self._signal_group(Signals.SIGKILL, [])
            return Ending(len(self._known), Signals.SIGKILL, (), blind=error.strerror or str(error))
        return Ending(len(self._known), by, tuple(left))

    def _around_leader(self, everyone: dict[int, Process]) -> list[int]:
        """The leader's group and session.

        A number is not given anew while a group or a session bears it (setsid(2)): if the leader was waited
        for and a process of its number is there again, ours are gone and these are a stranger's.
        """
        if self._leader is None or (not self.held and self._leader in everyone):
            return []
        return [pid for pid, process in everyone.items() if self._leader in (process.group, process.session)]

    def _press(self, number: Signals, patience: float, wait: Callable[[float], object]) -> list[Process]:
        """Signal each that is found, once, until none is found or the time is over. Who is left."""
        until = time.monotonic() + patience
        found = self.find()
        told = self._signal_group(number, found)
        if self._cgroup and number is Signals.SIGKILL:
            self._cgroup.kill()
        # None found must be found twice: a process can fork past one look at the table.
        while found or (found := self.find()):
            for process in set(found) - told:
                send(process, number)
            told.update(found)
            while _living(found) and time.monotonic() < until:
                wait(_STEP)
            found = self.find()
            if found and time.monotonic() >= until:
                return found
        return []

    def _signal_group(self, number: Signals, found: list[Process]) -> set[Process]:
        """The whole group in one step, which no fork slips through; those that it reached."""
        if self._leader is None or not self.held:
            return set()
        _kill_group(self._leader, number)
        if number is Signals.SIGTERM:
            _kill_group(self._leader, Signals.SIGCONT)  # a stopped process takes no SIGTERM
        now = look()  # one that left the group since it was found may have been missed, and is told by itself
        seen = ((each, now(each.pid)) for each in found)
        return {each for each, it in seen if it is not None and it == each and it.group == self._leader}


def end_marked(owner_mark: str, grace: float = _OWNER_GRACE) -> int:
    """End what carries the mark of a daemon that is gone, and its descendants. How many there were.

    That includes what a finished run left to stay: nothing tells it from what a cut-off run left.
    One look at the process table when there is nothing to end; else at most `grace` + CONFIRM seconds.
    """
    if not owner_mark:
        return 0
    ending = Tree([f"{OWNER}={owner_mark}"], brand=Brand(owner_mark)).end(grace)
    if ending.left_said:
        _LOG.warning("left behind by an earlier daemon and cannot be ended: %s", ending.left_said)
    return ending.found


def group_exists(leader: int) -> bool:
    """Whether anybody is in the group; until the leader was waited for, it is."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # there is one, and it is another user's
        return True
    return True


def send(process: Process, number: Signals) -> None:
    """Signal this very process, or nobody if it has ended."""
    handle = _pidfd(process.pid)
    try:
        if _living([process]):
            _signal(process.pid, handle, number)
            if number is Signals.SIGTERM:
                _signal(process.pid, handle, Signals.SIGCONT)
    except (ProcessLookupError, PermissionError):
        pass  # it ended just now, or it is another user's: looking again will tell
    finally:
        if handle is not None:
            os.close(handle)


class Watch:
    """Tells when our child ends without waiting for it, so that its number stays its own.

    `descriptor` turns readable at the end (pidfd_open(2), kqueue(2)); where it is None, ask `ended` now and
    again (waitid(2) with WNOWAIT).
    """

    def __init__(self, pid: int) -> None:
        """Watch `pid`, a child of this process that nobody else waits for."""
        self._pid = pid
        self._queue = _exit_queue(pid)
        self.descriptor = self._queue.fileno() if self._queue else _pidfd(pid)

    def ended(self) -> bool:
        """Whether the child has ended; only to be asked where there is no descriptor."""
        if not hasattr(os, "waitid"):  # Python before 3.13 on macOS
            now = table().get(self._pid)
            return now is None or now.dead
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self) -> None:
        """Give the descriptor back."""
        if self._queue is not None:
            self._queue.close()
        elif self.descriptor is not None:
            os.close(self.descriptor)


class _Queue(Protocol):
    """What of a kqueue is used."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


if sys.platform == "linux":

    def _exit_queue(pid: int) -> _Queue | None:
        """Linux has pidfds for this."""
        return None

    def _pidfd(pid: int) -> int | None:
        """A handle on the process that has the number now; None if none has, or before Linux 5.3."""
        try:
            return os.pidfd_open(pid)
        except OSError:
            return None

    def _signal(pid: int, handle: int | None, number: Signals) -> None:
        if handle is None:
            os.kill(pid, number)
        else:
            signal.pidfd_send_signal(handle, number)

else:

    def _exit_queue(pid: int) -> _Queue | None:
        """A queue that turns readable when `pid` ends; None if it has ended already, or there are no more."""
        event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
        try:
            queue = select.kqueue()
        except OSError:
            return None
        try:
            queue.control([event], 0)
        except OSError:
            queue.close()
            return None
        return queue

    def _pidfd(pid: int) -> int | None:
        """There are none."""
        return None

    def _signal(pid: int, handle: int | None, number: Signals) -> None:
        os.kill(pid, number)


def _checked(marks: Iterable[str]) -> tuple[bytes, ...]:
    """Marks that tell ours from others'. No marks would be carried by everybody: the whole machine would go."""
    encoded = tuple(os.fsencode(mark) for mark in marks)
    if not encoded or not all(all(mark.partition(b"=")) for mark in encoded):
        raise ValueError(f"processes cannot be told apart by the marks {encoded}: use one or more NAME=value")
    return encoded


def _without_us(everyone: dict[int, Process]) -> dict[int, Process]:
    """Less this process and its ancestors: `jarvis tick` may be called by what it is about to look for."""
    ours, pid = set(), os.getpid()
    while pid and pid not in ours:
        ours.add(pid)
        pid = everyone[pid].parent if pid in everyone else 0
    return {pid: process for pid, process in everyone.items() if pid not in ours}


def _kill_group(leader: int, number: Signals) -> None:
    # Another user's, or on macOS all dead: looking again will tell.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _living(processes: Iterable[Process]) -> bool:
    """Whether any of them lives."""
    now = look()
    return any(_lives(process, now(process.pid)) for process in processes)


def _lives(process: Process, now: Process | None) -> bool:
    return now is not None and now == process and not now.dead


def _with_descendants(roots: Iterable[int], everyone: dict[int, Process]) -> set[int]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, process in everyone.items():
        children[process.parent].append(pid)
    family: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in family:
            family.add(pid)
            waiting += children[pid]
    return family


def _carrying(marks: tuple[bytes, ...], pids: Iterable[int]) -> set[int]:
    """Who carries all the marks in the environment it was started with."""
    return {pid for pid, entries in environments(pids) if all(mark in entries for mark in marks)}

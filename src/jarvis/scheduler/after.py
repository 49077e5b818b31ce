"""After: the schedule of a task that the end of another task's run starts, and which of those may be stored. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from jarvis.scheduler.instant import ScheduleError
from jarvis.scheduler.suggest import did_you_mean
from jarvis.scheduler.untimed import Untimed
from jarvis.scheduler.zone import load_zone

End = Literal["succeeded", "failed", "always"]
_WELL = "succeeded"
_BADLY = ("failed", "timed_out", "unknown")


class After(Untimed, frozen=True, tag="after", omit_defaults=True):
    """A run whenever a run of the task called `task` has ended in a certain way, for good: no attempt follows.

    `end` says in which: `succeeded`; `failed`, which timed out and unknown count as; `always`, any of these. What was
    skipped, missed or cancelled starts nothing.
    """

    task: str
    end: End = "succeeded"
    tz: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse a name that no task can have."""
        if not self.task or not self.task.isprintable():
            raise ScheduleError(f"after is {self.task!r}: name the task whose runs start this one")
        load_zone(self.tz)
        super().__post_init__()

    def follows(self, state: str) -> bool:
        """Whether a run that ended in this state starts one."""
        well, badly = state == _WELL, state in _BADLY
        return (well and self.end != "failed") or (badly and self.end != "succeeded")

    def describe(self) -> str:
        """The schedule as a person reads it."""
        return f"after {self.task} {self.ends}{self.describe_bounds()}"

    @property
    def ends(self) -> str:
        """What has to become of that run, to follow its task's name."""
        return {"succeeded": "has succeeded", "failed": "has failed", "always": "has ended"}[self.end]


def broken_chain(after: Mapping[str, str], names: Collection[str]) -> tuple[str, str] | None:
    """The first task that cannot be where it is in its chain, and why; None if all can.

    `after` has for each task of a chain the one it comes after, `names` those of all tasks there are.
    """
    for name in sorted(after):
        if why := _broken(name, after, names):
            return name, why
    return None


def _broken(name: str, after: Mapping[str, str], names: Collection[str]) -> str:
    if after[name] not in names:
        return f"it comes after {after[name]!r}, and no task has that name.{did_you_mean(after[name], names)}"
    path = [name]
    while path[-1] in after and after[path[-1]] not in path:
        path.append(after[path[-1]])
    # A chain that leads into a circle is told by the tasks of the circle itself.
    if path[-1] not in after or after[path[-1]] != name:
        return ""
    return f"it would start itself without end: {' after '.join([*path, name])}"

"""Who gives this command line: the name its changes of the assistant's memory bear."""

from __future__ import annotations

import os

from jarvis.scheduler.authorship import author_of


def author() -> str:
    """The run that a command belongs to, as its environment says; else the system's user."""
    task, run_id = os.environ.get("JARVIS_TASK", ""), os.environ.get("JARVIS_RUN_ID", "")
    if run_id.isdecimal() and 0 < len(task) <= 400 and task.isprintable():
        return author_of(task, run_id)
    return _user()


def _user() -> str:
    """The user's name; the number where the system knows no name, as in a container."""
    from pwd import getpwuid

    number = os.getuid()
    try:
        return getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"

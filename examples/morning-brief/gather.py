"""What the morning brief is made of: one line for each thing, its section and its text with a tab between them.

Standard library only. Add a function and a line in SECTIONS for what you want to know in the morning.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
LEAST_FREE = 0.1  # of the disk


def today() -> date:
    """The day that the brief is for, also when it comes late."""
    due_at = os.environ.get("JARVIS_DUE_AT")
    return (datetime.fromisoformat(due_at) if due_at else datetime.now().astimezone()).astimezone().date()


def ask(*words: str) -> list[dict[str, object]]:
    """What Jarvis knows."""
    done = subprocess.run(["jarvis", *words, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def agenda() -> Iterator[str]:
    """The lines of agenda.txt that begin with today's date."""
    file = HERE / "agenda.txt"
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        day, _, text = line.partition(" ")
        if day == today().isoformat():
            yield text


def promised() -> Iterator[str]:
    """What others do for you and should be done by tomorrow."""
    for each in ask("delegation", "list"):
        due = each.get("due_date")
        if due and date.fromisoformat(str(due)) <= today() + timedelta(days=1):
            yield f"{each['delegated_to']}: {each['task']} (until {due})"


def failed() -> Iterator[str]:
    """What went wrong since yesterday."""
    since = datetime.combine(today() - timedelta(days=1), time()).astimezone().isoformat()
    for each in ask("runs", "list", "--state", "failed", "--since", since):
        yield f"{each['task']}: {each['reason']}"


def disk() -> Iterator[str]:
    """Whether the disk is nearly full."""
    usage = shutil.disk_usage(HERE)
    if usage.free < LEAST_FREE * usage.total:
        yield f"only {usage.free // 2**30} GiB of the disk are free"


SECTIONS: dict[str, Callable[[], Iterator[str]]] = {
    "Today": agenda,
    "Promised to you": promised,
    "Went wrong": failed,
    "This machine": disk,
}


def main() -> None:
    """Print it all."""
    for section, lines in SECTIONS.items():
        for line in lines():
            print(section, " ".join(line.split()), sep="\t")


if __name__ == "__main__":
    main()

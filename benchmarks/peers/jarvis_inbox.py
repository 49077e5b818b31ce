"""FILES files dropped into the inbox of a running daemon, beside tasks of which one is due each 33 ms:
`python -m benchmarks.peers.jarvis_inbox FILES QUIET`.

Measured are the files a second, from the first that is dropped until the last is an event in the store and moved, and
how late those tasks' runs ended (`finished_at`) meanwhile (`p99_ms`), and in QUIET seconds before with nothing in the
inbox (`quiet_p99_ms`). With the extra `watch` the files are seen at once, without it within 5 s, which counts then.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

from benchmarks import daemons
from benchmarks.peers.common import lateness, report, wall
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval

EVERY, BEATS = timedelta(milliseconds=100), 3  # so that there are enough runs for a p99
WARM_UP = 3.0
LATE = """
SELECT json_group_array(json_array(due_at, finished_at)) FROM runs r JOIN tasks t ON t.id = task_id
WHERE t.name LIKE 'beat%' AND r.state = 'succeeded' AND due_at BETWEEN ? AND ?
"""


def main(files: int, quiet: float) -> None:
    """Let it beat, then drop them all."""
    with daemons.home() as folder:
        inbox = folder / "data" / "webhook-inbox"
        prepared = prepare(folder, files)
        with daemons.store(folder) as memory, memory.transaction():
            now = SystemClock().now()
            for number in range(BEATS):
                beat = Interval(EVERY, anchor=now + number * EVERY / BEATS)
                memory.add_task(TaskSpec(name=f"beat{number}", schedule=beat, handler="noop"), now)
            memory.add_task(
                TaskSpec(name="webhook_poll", schedule=Interval(timedelta(days=1)), handler="webhook_poll"), now
            )
        with daemons.daemon(folder):
            daemons.wait_for_start(folder)
            time.sleep(WARM_UP)
            began = wall()
            time.sleep(quiet)
            dropped = wall()
            drop(prepared, inbox)
            daemons.wait_for(lambda: taken_in(folder, inbox, files), every=0.05)
            ended = wall()
            time.sleep(1)
            before, meanwhile = late(folder, began, dropped), late(folder, dropped, ended)
    told = {"files_a_second": files / (ended - dropped), "runs": len(meanwhile)}
    beside = {f"quiet_{name}": value for name, value in lateness(before).items()}
    report({**lateness(meanwhile), **told, **beside})


def prepare(folder: Path, files: int) -> Path:
    """The files, all different, of the size of a small webhook, on the disk of the inbox."""
    prepared = folder / "prepared"
    prepared.mkdir()
    for number in range(files):
        payload = {"n": number, "commits": [{"id": f"{number:040x}", "message": "x" * 200}] * 3}
        event = {"source": "bench", "event_type": "push", "id": str(number), "payload": payload}
        (prepared / f"{number:06}.json").write_text(json.dumps(event))
    return prepared


def drop(prepared: Path, inbox: Path) -> None:
    """Each by a rename, as authors who take care do it."""
    inbox.mkdir(exist_ok=True)
    for path in sorted(prepared.iterdir()):
        path.rename(inbox / path.name)


def taken_in(folder: Path, inbox: Path, files: int) -> bool:
    """Whether all are events, and moved."""
    if daemons.ask(folder, "SELECT COUNT(*) FROM webhook_events") < files:
        return False
    return not any(path.suffix == ".json" for path in inbox.iterdir())


def late(folder: Path, since: float, until: float) -> list[float]:
    """How late the runs of the task that were due in this time ended, in seconds."""
    rows = json.loads(daemons.ask(folder, LATE, int(since * 1e6), int(until * 1e6)))
    return [(finished - due) / 1e6 for due, finished in rows]


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))

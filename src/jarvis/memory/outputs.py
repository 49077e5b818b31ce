"""The `outputs` table: what each attempt of a run wrote, and until it is settled, what it has written so far."""

from __future__ import annotations

import msgspec

from jarvis.memory.live import LiveFolder
from jarvis.memory.sqlite import Database
from jarvis.memory.statements import load
from jarvis.scheduler.capture import Capture
from jarvis.scheduler.model import Run
from jarvis.scheduler.output import OUTPUT_CAP, Live

_SQL = load("outputs")
ATTEMPTS_KEPT = 5  # of one run: a run that is tried for ever must not fill the disk


class Written(msgspec.Struct, frozen=True):
    """What is kept of one attempt's output; `total` is how many bytes it was. `cut_off`: its daemon died."""

    attempt: int
    body: bytes
    total: int
    cut_off: bool = False


class OutputTable:
    """Keeps output with the run, lossless; and shows that of a run which goes on."""

    def __init__(self, database: Database) -> None:
        self.live = LiveFolder(database.path)
        self._database = database

    def begin(self, run: Run) -> Live | None:
        """Where a claimed run's output is shown while it runs; None where nobody else could read it."""
        return self.live.begin((run.id, run.fence))

    def keep(self, run: Run, body: bytes, total: int, *, cut_off: bool = False) -> None:
        """Keep what this attempt wrote; the oldest attempts beyond ATTEMPTS_KEPT go."""
        if not total:
            return
        row = {"run_id": run.id, "attempt": run.attempt, "body": body, "total": total, "cut_off": cut_off}
        self._database.change(_SQL["keep"], row)
        if run.attempt > ATTEMPTS_KEPT:
            self._database.change(_SQL["drop_older"], {"run_id": run.id, "attempt": run.attempt - ATTEMPTS_KEPT})

    def keep_cut_off(self, run: Run) -> None:
        """Keep what a dead daemon's run had written: the file it left is all there is."""
        capture = Capture(OUTPUT_CAP)
        for offset, piece in self.live.read((run.id, run.fence)):
            capture.skip(offset - capture.total)
            capture.add(piece)
        self.keep(run, capture.kept(), capture.total, cut_off=True)

    def of(self, run_id: int) -> list[Written]:
        """What is kept of each attempt that ended and wrote something, the earliest first."""
        rows = self._database.rows(_SQL["of"], (run_id,))
        return [Written(row[0], bytes(row[1]), row[2], bool(row[3])) for row in rows]

    def sweep(self) -> int:
        """Take away the files of attempts that do not run any more. How many attempts had some."""
        there = self.live.attempts()  # before the ledger is asked: what is claimed later is not among them
        stale = there - set(self._database.rows(_SQL["running"])) if there else there
        self.live.remove(stale)
        return len(stale)

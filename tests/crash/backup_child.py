"""Backs up or restores, and is gone at a chosen call to the file system, as after `kill -9`: no `finally`, no goodbye.

`python -m tests.crash.backup_child VERB STORE PLACE N`: dies at the Nth call that changes a name, before it is made.
Exit code 0: it came to its end before that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jarvis.memory import archives
from jarvis.memory.archives import back_up
from jarvis.memory.restore import restore

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
KILLED = 137


def main(verb: str, store: str, place: str, number: str) -> None:
    left = [int(number)]

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os._exit(KILLED)
            return call(*given, **named)

        return called

    for name in ("rename", "unlink", "hardlink_to"):
        setattr(Path, name, dying(getattr(Path, name)))
    for name in ("private", "sync", "sync_folder"):
        setattr(archives, name, dying(getattr(archives, name)))
    if verb == "backup":
        back_up(store, Path(place), NOW, keep=1)
    else:
        restore(Path(place), store, NOW)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""One pass of `jarvis imessage`, killed at a point: `python -m tests.imessage.child FUNCTION WHEN NTH`."""

from __future__ import annotations

import sys

from jarvis.cli import main
from tests.crash.inbox_child import die_at

if __name__ == "__main__":
    function, when, nth = sys.argv[1:]
    die_at(function, when, int(nth))
    sys.exit(main(["imessage", "--once", "--imessage-log-file", "-"]))

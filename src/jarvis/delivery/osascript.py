"""AppleScript by osascript: the script is ours, word for word, and everything else is an argument."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence

from jarvis.delivery.environment import modest
from jarvis.delivery.program import Ended, run
from jarvis.errors import SendFailed, SendRefused, SendUnknown

#: The first argument: whatever follows can then begin with a dash and is still no option of osascript.
_FIRST = "jarvis"
_NO_ANSWER = "(-1712)"  # the program that was told did not say in time whether it did so
_NOT_ALLOWED = "(-1743)"


def run_script(
    script: str, arguments: Sequence[str], environ: Mapping[str, str], remaining: Callable[[], float]
) -> None:
    """Run a script with arguments, from `item 2 of argv` on. Raises as a channel does."""
    if shutil.which("osascript", path=environ.get("PATH")) is None:
        where = (
            "is not on PATH" if sys.platform == "darwin" else "is a part of macOS, and this machine runs another system"
        )
        raise SendRefused(f"osascript {where}: this channel cannot send here")
    clean = [each.replace("\0", "").encode(errors="replace").decode() for each in arguments]
    try:
        run(["osascript", "-e", script, _FIRST, *clean], modest(environ), b"", remaining)
    except Ended as ended:
        raise _meaning(str(ended)) from None


def _meaning(said: str) -> Exception:
    if _NO_ANSWER in said:
        return SendUnknown(f"{said}; it may have been sent")
    if _NOT_ALLOWED in said:
        allow = "System Settings, Privacy & Security, Automation"
        return SendFailed(f"{said}; the program that runs Jarvis must be allowed to in {allow}")
    return SendFailed(said)

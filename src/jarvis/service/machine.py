"""All that the service's verbs do to the machine goes through here: programs are run, files written and taken away.

`Rehearsal` does none of it and tells what would be done.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from jarvis.errors import JarvisError

LOOK_EVERY = 0.2  # seconds between two looks at what is waited for
ANSWER_WITHIN = 900.0  # seconds; a stop may take the whole of STOP_WITHIN


class NoManager(JarvisError):
    """The program that would have to be asked is not on this machine, or nobody answers it."""

    def __init__(self, why: str) -> None:
        """Say why, and how to do without."""
        super().__init__(
            f"{why}\nJarvis needs no service manager: keep `jarvis daemon` running yourself, in tmux or with "
            "`nohup jarvis daemon >/dev/null 2>&1 &`, or let cron start it (`@reboot jarvis daemon`)"
        )


class Answer(NamedTuple):
    """What a program said, on both streams, and its exit code."""

    code: int
    text: str

    @property
    def last(self) -> str:
        """The last line, which is where such programs tell what is wrong."""
        lines = self.text.strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"


class Machine:
    """This machine. `say` is given a line about everything that was changed."""

    rehearsing = False

    def __init__(self, say: Callable[[str], None], within: float = ANSWER_WITHIN) -> None:
        """`within` so many seconds each program has to end."""
        self._say = say
        self._within = within

    def tell(self, line: str) -> None:
        """Say what has been done."""
        self._say(line)

    def ask(self, *words: str) -> Answer:
        """Run a program that only looks. NoManager if it is not here."""
        env = os.environ | {"LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", **_bus()}
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=env,
                timeout=self._within,
                check=False,
            )
        except FileNotFoundError as error:
            raise NoManager(f"{words[0]} is not on this machine, or not on PATH") from error
        except subprocess.TimeoutExpired as error:
            raise NoManager(f"`{' '.join(words)}` did not end within {self._within:.0f} s") from error
        return Answer(done.returncode, done.stdout.decode(errors="replace"))

    def show(self, words: Sequence[str]) -> int:
        """Run a program that writes to the user's own terminal; its exit code."""
        return subprocess.run(words, stdin=subprocess.DEVNULL, env=os.environ | _bus(), check=False).returncode

    def do(self, *words: str) -> Answer:
        """Run a program that changes something. Its exit code is the caller's to judge."""
        return self.ask(*words)

    def write(self, file: Path, content: bytes) -> None:
        """Put a file in its place, whole or not at all, also through a loss of power; for its owner alone."""
        self.folder(file.parent)
        temporary = file.with_name(f".{file.name}.new")
        with suppress(FileNotFoundError):
            temporary.unlink()  # left by one that was interrupted; made anew, so that its mode is ours
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
        _sync(file.parent)

    def link(self, file: Path, target: str) -> None:
        """Put a symbolic link in its place."""
        temporary = file.with_name(f".{file.name}.new")
        with suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(target)
        temporary.replace(file)
        _sync(file.parent)

    def remove(self, file: Path) -> None:
        """Take a file away; it may be gone already."""
        with suppress(FileNotFoundError):
            file.unlink()
            _sync(file.parent)

    def folder(self, path: Path) -> None:
        """See that a folder is there; a new one is for its owner alone."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def wait(self, fact: Callable[[], bool], within: float) -> bool:
        """Wait until it is so; whether it became so."""
        deadline = time.monotonic() + within
        while not fact():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY)
        return True


class Rehearsal(Machine):
    """Looks, where there is somebody to ask, and changes nothing."""

    rehearsing = True

    def tell(self, line: str) -> None:
        """Nothing has been done."""

    def ask(self, *words: str) -> Answer:
        """Ask; where nobody is there to answer, nothing is installed."""
        try:
            return super().ask(*words)
        except NoManager:
            return Answer(1, "")

    def do(self, *words: str) -> Answer:
        """Say the command line."""
        self._say(f"would run: {shown(words)}")
        return Answer(0, "")

    def write(self, file: Path, content: bytes) -> None:
        """Say which file, and how large it would be."""
        self._say(f"would write: {file} ({len(content)} bytes)")

    def link(self, file: Path, target: str) -> None:
        """Say where it would lead."""
        self._say(f"would write: {file}, which leads to {target}")

    def remove(self, file: Path) -> None:
        """Say which file."""
        if file.is_symlink() or file.exists():
            self._say(f"would remove: {file}")

    def folder(self, path: Path) -> None:
        """A folder that is made is not worth a word."""

    def wait(self, fact: Callable[[], bool], within: float) -> bool:  # noqa: ARG002 (the port's shape)
        """Nothing was done that could come true."""
        return True


def shown(words: Sequence[str]) -> str:
    """A command line as one would type it."""
    from shlex import join  # noqa: PLC0415 (for a few lines on a screen)

    return join(words)


def _bus() -> dict[str, str]:
    """Where the user's systemd listens, for a shell that was not told (su, cron, some ssh)."""
    folder = Path(f"/run/user/{os.getuid()}")
    return {} if "XDG_RUNTIME_DIR" in os.environ or not folder.is_dir() else {"XDG_RUNTIME_DIR": str(folder)}


def _sync(folder: Path) -> None:
    """Make what a folder lists survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

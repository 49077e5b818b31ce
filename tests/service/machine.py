"""A machine on which the fake launchctl and systemctl are asked in this process, and which is interrupted at will."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jarvis.service.machine import Answer, Machine
from tests.service.fakes import Fake


class Interrupted(BaseException):
    """As Ctrl-C, or a kill, at one step."""


class FakeMachine(Machine):
    """Programs are the fake ones, files are real, nothing is waited for. Interrupted at effect number `at`."""

    def __init__(self, fake: Fake, at: int = -1) -> None:
        self.said: list[str] = []
        super().__init__(self.said.append)
        self.fake, self.at, self.effects = fake, at, 0

    def ask(self, *words: str) -> Answer:
        return Answer(*self.fake.call(words[0], list(words[1:])))

    def do(self, *words: str) -> Answer:
        self._step()
        return super().do(*words)

    def write(self, file: Path, content: bytes) -> None:
        self._step()
        super().write(file, content)

    def link(self, file: Path, target: str) -> None:
        self._step()
        super().link(file, target)

    def remove(self, file: Path) -> None:
        self._step()
        super().remove(file)

    def tell(self, line: str) -> None:
        super().tell(line)
        self._step()

    def wait(self, fact: Callable[[], bool], within: float) -> bool:
        return any(fact() for _ in range(5))

    def _step(self) -> None:
        self.effects += 1
        if self.effects == self.at:
            raise Interrupted

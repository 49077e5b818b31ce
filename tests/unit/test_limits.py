"""How much memory a process uses, told in two ways."""

from __future__ import annotations

import os

import psutil
import pytest

from jarvis.handlers.limits import half_of_memory, resident, resident_by_ps


def test_the_memory_in_use_is_what_the_system_says() -> None:
    assert resident(os.getpid()) == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


@pytest.mark.process
def test_ps_says_the_same() -> None:
    assert resident_by_ps(os.getpid()) == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


@pytest.mark.process
def test_of_a_process_that_does_not_exist_nothing_is_in_use() -> None:
    assert resident(2**22 + 1) == 0


def test_without_a_limit_of_its_own_a_handler_gets_half_of_the_memory() -> None:
    assert half_of_memory() == pytest.approx(psutil.virtual_memory().total / 2, rel=0.01)

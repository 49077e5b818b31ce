"""What is said to systemd: where, what, and that nothing which goes wrong with it reaches the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvis.scheduler.keeper import Keeper
from jarvis.service import notify


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as made:
        made.bind(str(tmp_path / "n"))
        made.settimeout(10)
        yield made


def test_it_says_ready_and_stopping(listening: socket.socket, tmp_path: Path) -> None:
    keeper = notify.keeper({"NOTIFY_SOCKET": str(tmp_path / "n")})
    keeper.ready()
    keeper.stopping()
    assert [listening.recv(100), listening.recv(100)] == [b"READY=1", b"STOPPING=1"]


@pytest.mark.skipif(sys.platform != "linux", reason="such sockets are Linux's alone, as systemd is")
def test_an_abstract_socket_is_found() -> None:
    name = f"jarvis-test-{os.getpid()}"
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as made:
        made.bind(f"\0{name}")
        made.settimeout(10)
        notify.keeper({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert made.recv(100) == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:3"}])
def test_without_a_socket_of_systemd_nobody_is_told(environ: dict[str, str]) -> None:
    assert type(notify.keeper(environ)) is Keeper


def test_a_socket_that_is_gone_harms_nothing_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notify.keeper({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert "systemd could not be told READY=1" in caplog.text


def test_signs_of_life_come_twice_in_the_time_that_systemd_allows(listening: socket.socket, tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def live() -> None:
        notify.keeper({"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "20000"}).ready()
        while len(heard) < 4:
            heard.append(await asyncio.to_thread(listening.recv, 100))

    asyncio.run(live())
    assert heard == [b"READY=1"] + [b"WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    ("environ", "every"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "300000000"}, 150.0),
        ({"WATCHDOG_USEC": "300000000", "WATCHDOG_PID": str(os.getpid())}, 150.0),
        ({"WATCHDOG_USEC": "300000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_time_that_systemd_allows_is_taken_where_it_is_meant_for_us(
    environ: dict[str, str], every: float | None
) -> None:
    assert notify._watchdog(environ) == every

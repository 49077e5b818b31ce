"""The servers that some peers need: one that is named in the environment, or one of our own for the time being."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.peers.common import missing

READY_WITHIN = 20.0  # seconds


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis: $BENCH_REDIS_URL, or a server on a socket of its own that keeps nothing on disk."""
    if url := os.environ.get("BENCH_REDIS_URL"):
        yield url
        return
    program = _program("redis-server", "Redis", "BENCH_REDIS_URL")
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "redis.sock"
        arguments = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", folder]
        with _serving([program, *arguments], socket.exists):
            yield f"redis+socket://{socket}"


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL database: $BENCH_POSTGRES_URL, or a durable server of our own on a socket."""
    if url := os.environ.get("BENCH_POSTGRES_URL"):
        yield url
        return
    program = _program("postgres", "PostgreSQL", "BENCH_POSTGRES_URL")
    account = "nobody" if os.geteuid() == 0 else None  # it refuses to be run by root
    with tempfile.TemporaryDirectory() as folder:
        if account:
            shutil.chown(folder, account)
        data = Path(folder) / "data"
        subprocess.run(
            [_program("initdb", "PostgreSQL", "BENCH_POSTGRES_URL"), "-D", data, "-U", "bench", "-A", "trust", "-N"],
            user=account, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        command = [program, "-D", str(data), "-k", folder, "-c", "listen_addresses="]
        with _serving(command, lambda: _answers(folder), account, folder):
            yield f"postgresql://bench@/postgres?host={folder}"


def _program(name: str, server: str, variable: str) -> str:
    found = shutil.which(name)
    return found or missing(f"no {server} here: neither is {name} on PATH nor does {variable} name one")


def _answers(folder: str) -> bool:
    import psycopg  # noqa: PLC0415 - of the peer that needs this server

    with suppress(psycopg.OperationalError), psycopg.connect(f"postgresql://bench@/postgres?host={folder}"):
        return True
    return False


@contextmanager
def _serving(
    command: Sequence[str], ready: Callable[[], bool], account: str | None = None, folder: str | None = None
) -> Iterator[None]:
    """Run a server, from when it is ready on."""
    server = subprocess.Popen(command, user=account, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + READY_WITHIN
        while not ready():
            if server.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{command[0]} did not become ready")
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(READY_WITHIN)

"""Runs the examples of README.md and docs: what is shown is what happens.

```console blocks: every line that begins with `$ ` is run by bash in a fresh, empty home, with `jarvis` on
PATH; the lines below it are what it must print, where `...` stands for anything (also for lines on end) and a
closing `[exit 2]` for an exit status other than 0. `> ` continues the command above. The blocks of a document
share one home and follow one another; a daemon started with `&` lives until the end of the document.

```python blocks: with `>>>` they are doctests, without they must run. They share their names.

A block that cannot be run has `<!-- not run: why -->` on the line above it.
"""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: \S.* -->\s*$")
COMMAND_TIMEOUT = 60


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


@dataclass
class Step:
    command: str
    line: int
    expected: list[str] = field(default_factory=list)


def documents() -> list[Path]:
    return sorted([*ROOT.glob("README.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        if match[1] in {"console", "python"} and not NOT_RUN.search(before):
            yield Block(match[1], match[2], before.count("\n") + 2)


def steps(block: Block) -> list[Step]:
    found: list[Step] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append(Step(line[2:], number))
        elif not found:
            raise AssertionError(f"line {number}: a console block begins with a command: `$ ...`")
        elif (line == ">" or line.startswith("> ")) and not found[-1].expected:
            found[-1].command += f"\n{line[2:]}"
        else:
            found[-1].expected.append(line)
    return found


def matches(expected: list[str], printed: str) -> bool:
    pattern = re.escape("\n".join(expected).strip()).replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


class Shell:
    """Runs a document's commands one after another in one home, and ends what they leave running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "jarvis"
        self.sessions: list[int] = []
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SSL_CERT_FILE") if name in os.environ}
        self.environment = kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(folder),
            "JARVIS_HOME": str(self.home),
            "JARVIS_TIMEZONE": "UTC",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }
        self.home.mkdir()
        (folder / "work").mkdir()

    def run(self, command: str) -> str:
        """What it printed on either stream, with its exit status below if that is not 0."""
        output = self.folder / "output"
        with output.open("wb") as sink:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder / "work",
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.sessions.append(process.pid)
            status = process.wait(COMMAND_TIMEOUT)
        printed = output.read_text(encoding="utf-8", errors="replace")
        return printed if status == 0 else f"{printed.rstrip()}\n[exit {status}]"

    def close(self) -> None:
        for session in self.sessions:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(session, signal.SIGKILL)


def run_console(block: Block, shell: Shell) -> None:
    for step in steps(block):
        printed = shell.run(step.command)
        assert matches(step.expected, printed), (
            f"line {step.line}: $ {step.command}\nshown:\n{chr(10).join(step.expected)}\nprinted:\n{printed}"
        )


def run_python(block: Block, name: str, names: dict[str, Any]) -> None:
    if ">>>" not in block.text:
        exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), names)  # noqa: S102 - our own document
        return
    test = doctest.DocTestParser().get_doctest(block.text, names, name, name, block.line - 1)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)
    names.update(test.globs)


def run_document(path: Path, folder: Path) -> int:
    """Run all its examples; returns how many there were."""
    shell, names, count = Shell(folder), {"__name__": "__example__"}, 0
    os.environ["JARVIS_HOME"] = str(shell.home)  # for the Python blocks; the `home` fixture puts it back
    try:
        for block in blocks(path.read_text(encoding="utf-8")):
            if block.language == "console":
                run_console(block, shell)
            else:
                run_python(block, path.name, names)
            count += 1
    finally:
        shell.close()
    return count


@pytest.mark.process
@pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
@pytest.mark.usefixtures("home")
def test_the_examples_of_a_document_do_what_it_shows(document: Path, tmp_path: Path) -> None:
    run_document(document, tmp_path)


GOOD = """\
```console
$ echo $JARVIS_HOME; ls $JARVIS_HOME
/.../jarvis
$ printf 'one\\ntwo\\nthree\\n'
one
...
three
$ echo kept > file
$ echo a \\
> b; sleep 300 &
a b
$ echo no >&2; exit 2
no
[exit 2]
```
<!-- not run: it is made up -->
```console
$ false
```
```console
$ cat file; touch $JARVIS_HOME/mark
kept
```
```python
x = 1
```
```python
>>> x + 1
2
>>> import os; os.listdir(os.environ["JARVIS_HOME"])
['mark']
```
```toml
not = looked at
```
"""


@pytest.mark.process
@pytest.mark.usefixtures("home")
def test_a_good_document_passes_with_each_block_run(tmp_path: Path) -> None:
    document = tmp_path / "good.md"
    document.write_text(GOOD, encoding="utf-8")
    assert run_document(document, tmp_path) == 4


@pytest.mark.process
@pytest.mark.parametrize(
    "example",
    [
        "```console\n$ echo one\ntwo\n```\n",
        "```console\n$ echo one\n```\n",
        "```console\n$ true\none\n```\n",
        "```console\n$ false\n```\n",
        "```console\n$ printf 'a\\nb\\n'\na\n```\n",
        "```console\nno command\n```\n",
        "```python\nassert 1 == 2\n```\n",
        "```python\n>>> 1 + 1\n3\n```\n",
    ],
)
@pytest.mark.usefixtures("home")
def test_a_wrong_example_is_found(example: str, tmp_path: Path) -> None:
    document = tmp_path / "wrong.md"
    document.write_text(f"# Made up\n\n{example}", encoding="utf-8")
    with pytest.raises(AssertionError):
        run_document(document, tmp_path)

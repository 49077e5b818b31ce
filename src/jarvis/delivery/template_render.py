"""`python -m jarvis.delivery.template_render`: checks a template, or fills it in, as asked on standard input.

It runs with limits, in Jinja2's sandbox: a template is the user's own, and may be wrong all the same.
"""

from __future__ import annotations

import resource
import sys
import traceback
from contextlib import suppress
from datetime import datetime
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from jarvis.delivery.child import answer, question

SUBJECT = "Subject:"
MOST = 64 * 1024  # characters of what it comes to
CPU_SECONDS = 2
MEMORY = 512 * 1024 * 1024

# What a template may speak of, and of those with fields each field.
NAMES: dict[str, tuple[str, ...]] = {
    "task": ("name", "handler", "schedule", "tz"),
    "run": ("id", "state", "reason", "due_at", "started_at", "finished_at", "attempt", "origin"),
    "previous": ("id", "state", "reason", "due_at"),
    "output": (),
    "output_cut": (),
    "data": (),
}
_ALONE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def limit() -> None:
    """From now on this process may use so much and no more."""
    limits = {resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_AS: MEMORY, resource.RLIMIT_CORE: 0}
    for kind, most in limits.items():
        with suppress(ValueError, OSError):  # a system that does not know it: then the deadline alone holds
            resource.setrlimit(kind, (most, most + (kind == resource.RLIMIT_CPU)))


def environment() -> ImmutableSandboxedEnvironment:
    """Where templates are read. A name there is not is an error, never an empty text."""
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )


def parts(text: str) -> tuple[str, str]:
    """Subject and body of a template. The body keeps its lines' numbers."""
    if not text.startswith(SUBJECT):
        return "", text
    subject, _, body = text.partition("\n")
    return subject.removeprefix(SUBJECT).strip(), f"\n{body}"


def fault(text: str) -> str:
    """What is wrong with a template, with its line; "" if nothing is."""
    found = environment()
    try:
        for part in parts(text):
            tree = found.parse(part)
            if wrong := _fault_in(tree):
                return wrong
            found.compile(tree)  # filters and tests that there are not
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    except RecursionError:
        return "line 1: it is nested too deeply"
    return ""


def _fault_in(tree: nodes.Template) -> str:
    for alone in tree.find_all(_ALONE):
        return f"line {alone.lineno}: a template stands alone, it cannot take in another one"
    free = meta.find_undeclared_variables(tree)
    for name in tree.find_all(nodes.Name):
        if name.name in free and name.name not in NAMES and name.ctx == "load":
            return f"line {name.lineno}: there is no {name.name!r}: a template may use {', '.join(NAMES)}"
    for field in tree.find_all((nodes.Getattr, nodes.Getitem)):
        assert isinstance(field, nodes.Getattr | nodes.Getitem)  # noqa: S101 - that is what was asked for
        if wrong := _field_fault(field, free):
            return wrong
    return ""


def _field_fault(field: nodes.Getattr | nodes.Getitem, free: set[str]) -> str:
    """A field that a thing does not have, as far as can be told without filling it in."""
    owner = field.node
    if not isinstance(owner, nodes.Name) or owner.name not in free or not NAMES.get(owner.name):
        return ""
    if isinstance(field, nodes.Getattr):
        name = field.attr
    elif isinstance(field.arg, nodes.Const):
        name = str(field.arg.value)
    else:
        return ""
    known = NAMES[owner.name]
    return "" if name in known else f"line {field.lineno}: {owner.name} has no {name!r}: it has {', '.join(known)}"


def render(text: str, facts: dict[str, Any]) -> dict[str, str]:
    """Subject (one line, "" if it has none) and body; or `error`, with the line."""
    try:
        subject, body = (_filled(part, _lively(facts)) for part in parts(text))
    except (TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        return {"error": f"line {_line(error)}: {str(error) or type(error).__name__}"}
    except RecursionError:
        return {"error": "it never comes to an end"}
    return {"subject": " ".join(subject.split())[:200], "body": body.lstrip("\n")}


def _filled(text: str, facts: dict[str, Any]) -> str:
    written, size = [], 0
    for piece in environment().from_string(text).generate(facts):
        written.append(piece[: MOST - size])
        size += len(piece)
        if size > MOST:
            return f"{''.join(written)}\n[cut: it is longer than {MOST:,} characters]\n"
    return "".join(written)


def _lively(facts: dict[str, Any]) -> dict[str, Any]:
    """Instants as such, so that a template can write them as it likes."""
    return {name: _instants(value) if name in ("run", "previous") else value for name, value in facts.items()}


def _instants(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: datetime.fromisoformat(each) if key.endswith("_at") and isinstance(each, str) else each
        for key, each in value.items()
    }


def _line(error: BaseException) -> int:
    """The line of the template in which it happened."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return (lines[-1] or 1) if lines else 1


def main() -> None:
    """Answer the one question."""
    asked = question()
    limit()
    sys.setrecursionlimit(500)
    if "facts" in asked:
        answer(render(asked["template"], asked["facts"]))
    else:
        answer({"error": wrong} if (wrong := fault(asked["template"])) else {"right": True})


if __name__ == "__main__":
    main()

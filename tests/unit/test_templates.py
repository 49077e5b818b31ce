"""Texts of a task's own: what they may say, what is refused when they are stored, and what is sent when they fail."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from jarvis.delivery import templates
from jarvis.delivery.template_render import MOST, NAMES, fault, render
from jarvis.delivery.templates import Composer, check_template
from jarvis.errors import UsageError
from jarvis.scheduler.delivery import Letter, template_facts
from jarvis.scheduler.model import Delivery, DeliveryState, Form, Result, Run, RunState
from jarvis.scheduler.schedule import Cron
from tests.contexts import seconds_from_now
from tests.stored import a_task

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
TASK = a_task(Cron("0 9 * * *", "Europe/Berlin"), name="brief", handler="command")
RUN = Run(
    id=7, task_id=1, task="brief", due_at=NOW, until=None, count=1, origin="schedule", state=RunState.RUNNING,
    reason="", attempt=2, recorded_at=NOW, available_at=NOW, started_at=NOW, finished_at=None, owner=1, fence=1,
)  # fmt: skip


def facts(output: bytes = b"one\ntwo\n", data: Any = None, previous: Any = None) -> dict[str, Any]:
    result = Result(output=output, output_total=len(output), data=data)
    return template_facts(TASK, RUN, result, "well done", finished_at=NOW, previous=previous)


def said(template: str, **given: Any) -> dict[str, str]:
    return render(template, facts(**given))


def environ() -> Mapping[str, str]:
    return os.environ


def check(text: str) -> None:
    check_template(text, environ, seconds_from_now(60))


# -- what they may say --------------------------------------------------------------------------------------
def test_a_template_speaks_of_the_run_in_the_zone_of_its_task() -> None:
    subject = "Subject: {{ task.name }} of {{ run.due_at.strftime('%A %H:%M') }}\n"
    text = f"{subject}\n{{% for line in output.splitlines() %}}\n- {{{{ line }}}}\n{{% endfor %}}\n"
    assert said(text) == {"subject": "brief of Monday 10:00", "body": "- one\n- two\n"}


def test_every_name_it_may_use_is_there_with_every_field() -> None:
    given = facts(data={"a": [1, 2]}, previous={"id": 6, "state": "failed", "reason": "no", "due_at": NOW.isoformat()})
    assert given.keys() == NAMES.keys()
    for name, fields in NAMES.items():
        assert not fields or set(given[name]) == set(fields)
    text = "{{ data.a[1] }} {{ previous.state }} {{ previous.due_at.year }} {{ output_cut }}"
    assert render(text, given) == {"subject": "", "body": "2 failed 2026 False"}


def test_a_subject_is_one_line_whatever_is_put_into_it() -> None:
    assert said("Subject: {{ output }}x\nbody")["subject"] == "one two x"


def test_it_cannot_change_what_it_is_given_nor_look_behind_it() -> None:
    assert "error" in said("{{ data.clear() }}", data={"a": 1})
    assert "error" in said("{{ ''.__class__.__mro__ }}")
    assert "error" in said("{{ task.__init__.__globals__ }}")


def test_what_fails_names_its_line() -> None:
    assert said("one\n{{ data.nothing }}", data={})["error"].startswith("line 2: ")
    assert said("Subject: x\n\n{{ 1 / 0 }}")["error"] == "line 3: division by zero"
    assert said("{{ previous.state }}")["error"].startswith("line 1: 'None' has no attribute 'state'")


def test_a_text_that_grows_is_cut() -> None:
    body = said("{% for i in range(90000) %}{{ output }}{% endfor %}")["body"]
    assert len(body) < MOST + 100
    assert body.endswith(f"[cut: it is longer than {MOST:,} characters]\n")


# -- checked when they are stored ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one\ntwo {{ run.state }", "line 2: unexpected '}'"),
        ("{% if run %}\n", "line 1: Unexpected end of template"),
        ("one\n\n{{ runn.state }}", "line 3: there is no 'runn': a template may use task, run"),
        ("Subject: {{ tsk }}\n", "line 1: there is no 'tsk'"),
        ("Subject: x\n\n{{ tsk }}\n", "line 3: there is no 'tsk'"),
        ("{{ run.stat }}", "line 1: run has no 'stat': it has id, state"),
        ("{{ run['stat'] }}", "line 1: run has no 'stat'"),
        ("\n{{ output | shout }}", "line 2: No filter named 'shout'"),
        ("{% include 'x' %}", "line 1: a template stands alone"),
        ("{% extends 'x' %}", "line 1: a template stands alone"),
        ("{{ " + "(" * 5000, "line 1: "),
    ],
)
def test_what_could_not_be_filled_in_is_refused_with_its_line(text: str, told: str) -> None:
    assert fault(text).startswith(told)


@pytest.mark.parametrize(
    "text",
    ["plain", "{% set runn = 1 %}{{ runn }}", "{% for x in data %}{{ x.any }}{% endfor %}", "{{ run[data] }}",
     "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1) }}", "{% set run = data %}{{ run.anything }}"],
)  # fmt: skip
def test_what_can_be_is_not(text: str) -> None:
    assert fault(text) == ""


@pytest.mark.process
def test_the_check_is_made_in_a_process_with_limits() -> None:
    check("{{ task.name }}")
    with pytest.raises(UsageError, match=r"the template, line 1: there is no 'runn'"):
        check("{{ runn }}")
    started = time.monotonic()
    with pytest.raises(UsageError, match="more time than it may have"):
        check("{{ 9 ** (9 ** (9 ** 9)) }}")
    assert time.monotonic() - started < 30
    with pytest.raises(UsageError, match="65,537 characters: the most is 65,536"):
        check("x" * 65_537)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"jarvis-daemon\[templates\]"):
        check("x")


# -- filled in when they are sent ---------------------------------------------------------------------------
def a_delivery(template: str | None) -> Delivery:
    return Delivery(
        id=1, key="k", run_id=7, task_id=1, task="brief", channel="me", kind="result", subject="brief succeeded",
        body="plain\n", state=DeliveryState.SENDING, reason="", attempt=1, failures=0, created_at=NOW,
        available_at=NOW, expires_at=NOW, started_at=NOW, finished_at=None, owner=1, fence=1,
        run_state=RunState.SUCCEEDED, due_at=NOW, form=None if template is None else Form(template, facts()),
    )  # fmt: skip


def composed(template: str | None, seconds: float = 60) -> Letter:
    return Composer(environ)(a_delivery(template), seconds_from_now(seconds))


@pytest.mark.process
def test_a_letter_is_its_template_filled_in() -> None:
    assert composed(None) == Letter("brief succeeded", "plain\n")
    assert composed("Subject: {{ task.name }}!\n\n{{ output }}") == Letter("brief!", "one\ntwo\n")
    assert composed("only a body") == Letter("brief succeeded", "only a body")


@pytest.mark.process
@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ data.x }}", "line 1: "),
        ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "more time than it may have",
        ),
        ("{{ 'x' * 10**10 }}", ""),
    ],
)
def test_a_template_that_fails_is_the_plain_letter_with_a_note(template: str, why: str) -> None:
    started = time.monotonic()
    letter = composed(template)
    assert letter.subject == "brief succeeded"
    assert letter.body.startswith("plain\n\n(This is the plain text, as the template could not be used: ")
    assert why in letter.body
    assert time.monotonic() - started < 30


@pytest.mark.process
def test_it_is_not_waited_for_longer_than_there_is_time() -> None:
    started = time.monotonic()
    letter = composed(ENDLESS, 0.3)
    assert "did not come to an end" in letter.body
    assert time.monotonic() - started < 10

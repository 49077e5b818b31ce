"""The expression language: what it says, what it refuses and where, and that nothing in it can go on for ever."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.expressions import child, evaluation
from jarvis.expressions.child import functions, outcome
from jarvis.expressions.evaluation import end_idle, evaluate
from jarvis.expressions.evaluator import Evaluator
from jarvis.expressions.language import DEEPEST, FUNCTIONS, LONGEST, MOST_TOKENS, ExpressionError, check
from tests.conftest import Eventually

VALUES = {
    "now": "2026-11-27T12:00:00+00:00",
    "today": "2026-11-27",
    "facts": {"work": {"backup": "2026-11-26T10:00:00+00:00", "_odd key": 1, "size": 12.5}},
    "tasks": [{"name": "a", "failures": 3}, {"name": "b", "failures": 0}],
    "nothing": None,
}


def said(text: str, values: dict[str, Any] = VALUES) -> Any:
    """What it comes to, worked out in this process."""
    found = outcome(text, json.dumps(values))
    if "problem" in found:
        raise ExpressionError(found["problem"], found["column"])
    return found["value"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("7 // 2 + 7 % 4 - -1", 7),
        ("0.1 + 0.2 < 0.31", True),
        ("1 < 2 < 3 and not 3 <= 2", True),
        ("true and not false and null == None", True),
        ("'a' if facts.work.size > 12 else 'b'", "a"),
        ("facts.work.backup", "2026-11-26T10:00:00+00:00"),
        ('facts["work"]["_odd key"]', 1),
        ("tasks[0].name + 1 if false else tasks[-1].name", "b"),
        ("age(facts.work.backup) > hours(25) and age(facts.work.backup) < duration('1d3h')", True),
        ("days(1) + hours(1) + minutes(1)", 90_060),
        ("days_between('2026-11-20', today)", 7),
        ("instant(now) - instant(facts.work.backup)", 93_600),
        ("any(t.failures > 2 for t in tasks)", True),
        ("all(t.failures > 2 for t in tasks)", False),
        ("count(t.failures > 2 for t in tasks)", 1),
        ("sum(t.failures for t in tasks if t.name != 'b')", 3),
        ("max(t.failures for t in tasks) + min(1, 2) + max([4, 5])", 9),
        ("any(any(u.failures == t.failures + 3 for u in tasks) for t in tasks)", True),
        ("'work' in facts and 'home' not in facts and 'bc' in 'abcd' and 2 in [1, 2] and 2 in (1, 2)", True),
        ("get(facts, 'home', 7) + get(facts.work, 'size')", 19.5),
        ("get(facts, 'home') == null", True),
        ("get(facts, 'work/size') + get(facts, 'work/other', 1) + get(facts, 'work/size/x', 1)", 14.5),
        ("get(facts.work, '_odd key')", 1),
        ("contains('abc', 'b') and startswith('abc', 'a') and endswith('abc', 'c')", True),
        ("lower('Ab') == 'ab' and upper('Ab') == 'AB' and len('é') == 1", True),
        ("number('12.5') + number('3')", 15.5),
        ("abs(-2) + round(2.26, 1)", 4.3),
        ("len(tasks)\n  == 2", True),
        ("tasks[0]", {"name": "a", "failures": 3}),
    ],
)
def test_what_an_expression_comes_to(text: str, value: object) -> None:
    check(text, VALUES)
    assert said(text) == value


HOSTILE = [
    ("__class__", 1, "begin with a letter"),
    ("facts.__class__.__mro__", 7, "begin with a letter"),
    ("''.__class__", 4, "begin with a letter"),
    ("9**9**9**9", 2, "there is no power"),
    ("2**2", 2, "there is no power"),
    ("'a'*10", 1, "only numbers are multiplied"),
    ("[1]*1000", 1, "only numbers are multiplied"),
    ("1000 * 'a'", 8, "only numbers are multiplied"),
    ("'%9999d' % 1", 1, "only numbers are multiplied"),
    ("9" * 16, 1, "more than 15 digits"),
    ("(" * 10_000, LONGEST + 1, "10000 characters"),
    ("(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1), DEEPEST + 1, "brackets stand more than"),
    ("[" * 100, DEEPEST + 1, "brackets stand more than"),
    ("-" * (LONGEST - 1) + "1", MOST_TOKENS + 1, "more than 500 words"),
    ("-" * (MOST_TOKENS - 1) + "1", DEEPEST + 1, "nested more than"),
    ("not " * 400 + "now", 4 * DEEPEST + 1, "nested more than"),
    (" and ".join(["now"] * 300), None, "characters long|more than 500 words"),
    ("+".join("1" * 200), None, "nested more than"),
    ("now" + ".a" * 200, None, "nested more than"),
    ("\uff46acts", 1, "not part of the language"),
    ("fäcts", 2, "not part of the language"),
    ("f'{now}'", 2, "no letter or text directly before it"),
    ("rb'x'", 3, "no letter or text directly before it"),
    ("'a''b'", 4, "no letter or text directly before it"),
    ("lambda: 1", 7, "nothing can be named"),
    ("(lambda x)", 2, "functions cannot be made"),
    ("[x for x in tasks]", 1, r"`\[\.\.\. for \.\.\.\]`"),
    ("len(x for x in tasks)", 4, "`for` stands alone"),
    ("sum(x for x in tasks, 1)", None, "cannot be read|stands alone"),
    ("any(x for x in tasks for y in tasks)", 4, "only one `for`"),
    ("any(x for x, y in tasks)", 11, "one name stands"),
    ("any(now for now in tasks)", 13, "means something already"),
    ("any(len for len in tasks)", 13, "means something already"),
    ("any(x for x in x)", 16, "no name 'x' is known"),
    ("any(x for x in tasks) and x", 27, "no name 'x' is known"),
    ("{1: 2}", 1, "objects cannot be made"),
    ("tasks[0:1]", 8, "no slices"),
    ("now := 1", 5, "nothing can be named"),
    ("now = 1", 5, "use == to compare"),
    ("now is None", 5, "use == or !="),
    ("now; now", 4, "not part of the language"),
    ("1, 2", 1, "these are several values"),
    ("1)+(2", 2, "closes nothing"),
    ("(1]", 3, "closes nothing"),
    ("len(tasks", 4, "is not closed"),
    ("now # x", 5, "no comments"),
    ('"a\\n"', 3, "no escapes"),
    ('"a', 1, "not closed on its line"),
    ("'a\nb'", 1, "not closed on its line"),
    ("'\0'", 1, "not closed on its line"),
    ("'\ud800'", 1, "not closed on its line"),
    ("\ud800", 1, "not part of the language"),
    ("1e9", 1, "is no number"),
    ("age(now) > 2h", 12, r'hours\(2\), or duration\("2h"\)'),
    ("0x10", 1, "is no number"),
    ("1 if now", None, "cannot be read here"),
    ("now now", None, "cannot be read here"),
    ("", 1, "it is empty"),
    (" \n", 1, "it is empty"),
    ("import os", 1, "there are expressions"),
    ("await now", 1, "there are expressions"),
    ("len(*tasks)", 5, r"`\*` before a value"),
    ("now.lower()", 5, "there are no methods"),
    ("len", 1, "len is a function"),
    ("len()", 1, "0 arguments do not fit"),
    ("len(1, 2)", 1, "2 arguments do not fit"),
    ("lenn(tasks)", 1, r"no function 'lenn' .* Did you mean len\?"),
    ("print(1)", 1, "no function 'print'"),
    ("eval('1')", 1, "no function 'eval'"),
    ("now + fact.x", 7, r"there are facts, nothing, now, tasks, today\. Did you mean facts\?"),
    ("'é' == fact", 8, "no name 'fact'"),
]


@pytest.mark.parametrize(("text", "column", "says"), HOSTILE, ids=lambda value: ascii(value)[:30])
def test_what_cannot_be_meant_is_refused_at_its_place(text: str, column: int | None, says: str) -> None:
    before = time.process_time()
    with pytest.raises(ExpressionError, match=says) as caught:
        check(text, VALUES)
    assert time.process_time() - before < 0.5
    if column is not None:
        assert (caught.value.column, str(caught.value).partition(":")[0]) == (column, f"column {column}")
    with pytest.raises(ExpressionError):  # nor does it get any further where it was not checked before
        said(text)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("facts.wrok.size > 1", 7, r"there is no 'wrok' in this object\. Did you mean work\?"),
        ("facts['wrok']", 7, r"Did you mean work\?"),
        ("1 + facts.work.size.x", 21, "a number has no 'x'"),
        ("tasks[2]", 7, "the list has 2 items"),
        ("tasks.name", 7, "a list has no 'name'"),
        ("nothing < 3", 1, r"nothing \(null\) cannot be compared with a number"),
        ("2 > 1 / 0", 5, "divides by zero"),
        ("2 % 0", 1, "divides by zero"),
        ("now * 3", 1, "a number is needed here, this is text"),
        ("-now", 1, "a number is needed here, this is text"),
        ("age(today)", 1, "has no offset"),
        ("age('soon')", 1, "no ISO instant"),
        ("days_between(now, today)", 1, "no date of the calendar"),
        ("duration('soon')", 1, "no length of time"),
        ("number('nan')", 1, "no finite number"),
        ("sum(t.name for t in tasks)", 1, "a number is needed here, this is text"),
        ("max(x for x in [])", 1, "the list is empty"),
        ("any(3)", 1, "a list is needed"),
        ("any(x for x in 3)", 16, "is no list"),
        ("3 in 4", 1, "a list is needed"),
        ("get(3, 'a')", 1, "looks into an object"),
        ("lower(3)", 1, "text is needed here, this is a number"),
        ("any(t.x for t in tasks)", 7, "there is no 'x'"),
    ],
)
def test_what_fails_says_where(text: str, column: int, says: str) -> None:
    check(text, VALUES)
    with pytest.raises(ExpressionError, match=says) as caught:
        said(text)
    assert caught.value.column == column


@pytest.mark.parametrize(
    "text",
    [
        *(
            "number(s)",
            "instant(s)",
            "age(s)",
            "duration(s)",
            "days_between(s, s)",
            "s + 1",
            "-s",
            "s < 1",
            "s.x",
            "s[0]",
        ),
        *("any(s)", "sum([s])", "max([])", "get(s, 'x')", "lower([s])", "[][s]", "s in 3", "any(x for x in 3) or s"),
        *("n[s]", "1 if abs(s) else 2", "[1, 2][s]"),
    ],
)
def test_a_fault_never_shows_a_value(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        said(text, {"s": "hunter2", "n": {"a": 1}, "now": VALUES["now"]})
    assert "hunter2" not in str(caught.value)


def test_the_functions_that_are_told_are_those_that_there_are() -> None:
    assert functions(VALUES).keys() == FUNCTIONS.keys()


def test_no_name_is_no_puzzle() -> None:
    with pytest.raises(ExpressionError, match="there are none"):
        check("x", [])
    with pytest.raises(ExpressionError, match=r"age\(\) needs `now`"):
        check("age(x)", ["x"])
    with pytest.raises(ExpressionError, match="an expression is a text, got int"):
        check(3, [])  # type: ignore[arg-type]


@given(st.text(st.sampled_from("()[].,+-*/%<>=!'\" \n\\a\uff46_9{}:;#@&|"), max_size=60) | st.text(max_size=60))
def test_whatever_is_written_is_an_expression_or_told_what_it_is_not(text: str) -> None:
    column = 1
    try:
        check(text, ["a"])
    except ExpressionError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


# -- in its own process
def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


@pytest.mark.process
def test_a_process_is_kept_and_asked_again() -> None:
    end_idle()
    assert evaluate("1 + x", {"x": 1}) == 2
    kept = children()
    assert [evaluate("[x, y]", {"x": number, "y": None}) for number in range(50)] == [[n, None] for n in range(50)]
    assert children() == kept
    with pytest.raises(ExpressionError, match="divides by zero"):
        evaluate("1 / 0", {})
    assert children() == kept  # an expression that fails is no reason for another one


@pytest.mark.process
def test_an_expression_that_goes_on_is_ended_at_its_time_and_the_next_one_works() -> None:
    slow = "sum(sum(sum(1 for x in a) for y in a) for z in a)"
    before = time.monotonic()
    with pytest.raises(ExpressionError, match=r"took longer than 0\.3 s and was ended"):
        evaluate(slow, {"a": list(range(30_000))}, seconds=0.3)  # days, if nobody ended it
    assert time.monotonic() - before < 60
    assert children() == set()
    assert evaluate("1", {}) == 1


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="macOS takes the limit of memory and does nothing")
def test_an_expression_that_needs_too_much_memory_is_bounded() -> None:
    bomb = "[" + ",".join(["a"] * 200) + "]"
    with pytest.raises(ExpressionError, match=r"too much memory|larger than|ended the process"):
        evaluate(bomb, {"a": ["x" * 100] * 100_000}, seconds=20.0)
    assert evaluate("1", {}) == 1


@pytest.mark.process
def test_a_process_that_was_killed_meanwhile_is_replaced() -> None:
    assert evaluate("1", {}) == 1
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    assert evaluate("2", {}) == 2


@pytest.mark.process
def test_a_process_that_stops_answering_is_ended_with_its_session() -> None:
    evaluator = Evaluator()
    found = evaluator.ask("1", b"{}", 5.0)
    assert found is not None
    assert os.getsid(evaluator._process.pid) == evaluator._process.pid != os.getsid(0)
    os.kill(evaluator._process.pid, signal.SIGSTOP)
    late = evaluator.ask("1", b"{}", 0.2)
    assert late is not None
    assert late.problem == "it took longer than 0.2 s and was ended"
    assert not evaluator.usable()


@pytest.mark.process
def test_one_that_ended_by_itself_is_no_fault_of_the_expression() -> None:
    evaluator = Evaluator()
    evaluator.ask("1", b"{}", 5.0)
    evaluator._in.close()  # as after a minute without a question
    evaluator._process.wait(10)
    with Path(os.devnull).open("wb", buffering=0) as evaluator._in:
        assert evaluator.ask("1", b"{}", 5.0) is None


@pytest.mark.process
def test_values_may_be_large_and_of_any_kind_json_has() -> None:
    facts = {"work": {f"key {number}": "é" * 100 for number in range(10_000)}}
    assert evaluate("len(facts.work)", {"facts": facts}) == 10_000
    assert evaluate("count(len(k) > 0 for k in facts.work)", {"facts": facts}) == 10_000
    assert (
        evaluate("age(x)", {"x": datetime(2026, 1, 1, tzinfo=UTC), "now": datetime(2026, 1, 2, tzinfo=UTC)}) == 86_400
    )
    with pytest.raises(ExpressionError, match="cannot be told as JSON"):
        evaluate("x", {"x": object()})
    with pytest.raises(ExpressionError, match="bytes long"):
        evaluate("len(x)", {"x": "a" * (evaluation.LARGEST_VALUES + 1)})


@pytest.mark.process
@pytest.mark.slow
def test_an_expression_that_goes_on_does_not_outlive_who_asked_by_much(eventually: Eventually) -> None:
    slow = "sum(sum(sum(1 for x in a) for y in a) for z in a)"
    asked = f"evaluate({slow!r}, {{'a': list(range(3000))}}, seconds=5.0)"
    program = f"from jarvis.expressions.evaluation import evaluate; {asked}"
    with subprocess.Popen([sys.executable, "-c", program]) as asking:
        mine = psutil.Process(asking.pid)
        eventually(lambda: any(each.cpu_times().user > 0.2 for each in mine.children()))
        (evaluating,) = mine.children()
        asking.kill()
    eventually(lambda: not evaluating.is_running() or evaluating.status() == psutil.STATUS_ZOMBIE, within=30)


def test_it_ends_when_nobody_asks_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def nobody(*what: Any) -> tuple[list[int], list[int], list[int]]:
        waited.append(what[3])
        return [], [], []

    monkeypatch.setattr(select, "select", nobody)
    assert child._Stdin().line() == b""
    assert waited == [child.IDLE]


@pytest.mark.process
def test_several_threads_evaluate_at_once() -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda n=n: found.append(evaluate("n * 2", {"n": n}))) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [0, 2, 4, 6, 8, 10]
    assert len(children()) <= 2


@pytest.mark.process
def test_the_process_knows_nothing_of_the_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JARVIS_SECRET", "hunter2")
    end_idle()
    evaluate("1", {})
    (pid,) = children()
    assert not any("hunter2" in value for value in psutil.Process(pid).environ().values())

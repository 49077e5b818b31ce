"""mutmut, started with one change to a text instead of three.

mutmut turns "late" into "XXlateXX", "late" in capitals and "late" in small letters. A test that looks at the
essential words of a sentence kills the second and rightly not the first; so a text with letters is changed to other
letters, and only one without any gets the XX. `python operators.py run ...` is otherwise mutmut's own command line.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
from mutmut.mutation import file_mutation, mutators
from mutmut.workers import isolation


def other_text(node: cst.BaseString) -> Iterator[cst.BaseString]:
    """At most one mutant of a text: its letters in the other case, or with XX around it where it has none."""
    made = list(mutators.operator_string(node))
    if made:
        yield made[-1]  # XX comes first, and is the only one for a text without letters


file_mutation.mutation_operators = [
    (kind, other_text if operator is mutators.operator_string else operator)
    for kind, operator in mutators.mutation_operators
]

# The limit on CPU time ends what loops for ever. mutmut's second limit, on time by the clock, depends on what else the
# machine does, and sends its signal to a process number that may by then be another's.
isolation.register_timeout = lambda *_, **__: None

if __name__ == "__main__":
    from mutmut.__main__ import cli

    cli()

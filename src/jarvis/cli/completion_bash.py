"""Completion for bash, from 3.2 on, which macOS has: no associative arrays, no mapfile, no compopt."""

from __future__ import annotations

from jarvis.cli.verbs import nouns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis.cli.completion import Taken, Value

# What it does not know it leaves to readline, which completes names of files (-o default).
# `compgen -W` is not used: it would expand what a task's name holds, such as $(...).
_TEMPLATE = r"""# Completion of jarvis for bash: `jarvis completion bash` prints it anew;
# `jarvis help install` says where it goes.

_jarvis_offer() {
  local word
  for word in "$@"; do
    case $word in "$cur"*) COMPREPLY+=("$word") ;; esac
  done
}

_jarvis_tasks() {
  local name
  while IFS= read -r name; do
    _jarvis_offer "$(printf %q "$name")"
  done < <(command jarvis ${home:+--home "$home"} task list --names 2>/dev/null </dev/null)
}

_jarvis() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev='' home='' verb='' at=1 i
  local flags='' valued='' tasks='' operand=''
  COMPREPLY=()
  while [ "$at" -lt "$COMP_CWORD" ] && [ "${COMP_WORDS[at]}" = --home ]; do
    at=$((at + 1))
    if [ "$at" -le "$COMP_CWORD" ] && [ "${COMP_WORDS[at]}" = '=' ]; then at=$((at + 1)); fi
    if [ "$at" -ge "$COMP_CWORD" ]; then
      if [ "$cur" = '=' ]; then cur=''; fi
      return
    fi
    home=${COMP_WORDS[at]/#\~/$HOME}
    at=$((at + 1))
  done
  if [ "$at" -eq "$COMP_CWORD" ]; then
    _jarvis_offer @first@ --home --help --version
    return
  fi
  verb=${COMP_WORDS[at]}
  at=$((at + 1))
  case $verb in
    @nouns@)
      if [ "$at" -eq "$COMP_CWORD" ]; then
        case $verb in
@actions@
        esac
        return
      fi
      verb="$verb ${COMP_WORDS[at]}"
      at=$((at + 1))
      ;;
  esac
  i=$at
  while [ "$i" -lt "$COMP_CWORD" ]; do # a command line of its own follows --
    if [ "${COMP_WORDS[i]}" = -- ]; then return; fi
    i=$((i + 1))
  done
  case $verb in
@verbs@
    *) return ;;
  esac
  prev=${COMP_WORDS[COMP_CWORD - 1]}
  if [ "$cur" = '=' ]; then # bash splits --flag=value
    cur=''
  elif [ "$prev" = '=' ]; then
    prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case "$verb $prev" in
@choices@
  esac
  case " $tasks " in *" $prev "*)
    _jarvis_tasks
    return
    ;;
  esac
  case " $valued " in *" $prev "*) return ;; esac
  case $cur in
    -*) _jarvis_offer $flags ;;
    *)
      case $operand in
        @task) _jarvis_tasks ;;
        @file) return ;;
        @none) if [ -z "$cur" ]; then _jarvis_offer $flags; fi ;;
        *) _jarvis_offer $operand ;;
      esac
      ;;
  esac
}

complete -o default -F _jarvis jarvis
"""


def render(verbs: dict[str, Taken]) -> str:
    """The script."""
    actions = {noun: found for noun, found in nouns().items() if found}
    parts = {
        "@first@": " ".join(nouns()),
        "@nouns@": " | ".join(actions),
        "@actions@": _lines(8, (f"  {noun}) _jarvis_offer {' '.join(found)} ;;" for noun, found in actions.items())),
        "@verbs@": _lines(4, (_verb(verb, takes) for verb, takes in verbs.items())),
        "@choices@": _lines(4, (line for verb, takes in verbs.items() for line in _choices(verb, takes))),
    }
    text = _TEMPLATE
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


def _verb(verb: str, takes: Taken) -> str:
    flags: list[str] = []
    valued: list[str] = []
    tasks: list[str] = []
    for flag in takes.flags:
        flags += flag.names
        valued += flag.names if flag.value else []
        tasks += flag.names if flag.value and flag.value.kind == "task" else []
    stated = {"flags": flags, "valued": valued, "tasks": tasks}
    words = " ".join(f"{name}='{' '.join(found)}'" for name, found in stated.items() if found)
    return f"'{verb}') {words} operand='{_operand(takes.words)}' ;;"


def _operand(words: Iterable[Value]) -> str:
    """What stands beside the flags; where that is several things, the first of them that can be completed."""
    for word in words:
        if word.kind in ("task", "choice"):
            return " ".join(word.choices) or "@task"
        if word.kind in ("file", "folder"):
            return "@file"
    return "@none"


def _choices(verb: str, takes: Taken) -> Iterable[str]:
    for flag in takes.flags:
        if flag.value and flag.value.choices:
            names = " | ".join(f"'{verb} {name}'" for name in flag.names)
            yield f"{names}) _jarvis_offer {' '.join(flag.value.choices)}; return ;;"


def _lines(indent: int, lines: Iterable[str]) -> str:
    return "\n".join(" " * indent + line for line in lines)

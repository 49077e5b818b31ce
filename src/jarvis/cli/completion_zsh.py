"""Completion for zsh, with what each verb and flag is for."""

from __future__ import annotations

from jarvis.cli.verbs import VERBS, nouns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis.cli.completion import Flag, Taken, Value

_TEMPLATE = r"""#compdef jarvis
# Completion of jarvis for zsh: `jarvis completion zsh` prints it anew;
# `jarvis help install` says where it goes.

_jarvis_tasks() {
  local -a names
  names=(${(f)"$(command jarvis ${home:+--home $home} task list --names 2>/dev/null </dev/null)"})
  compadd "$@" -a names
}

_jarvis_takes() {
  case $1 in
@verbs@
  esac
}

_jarvis_action() {
  local -a actions
  case $1 in
@actions@
  esac
  _describe -t actions action actions
}

_jarvis() {
  local cut=${words[(i)--]}
  if (( cut < CURRENT )); then # a command line of its own
    words=("${(@)words[cut + 1,-1]}")
    (( CURRENT -= cut ))
    _normal
    return
  fi
  local curcontext=$curcontext state line home
  local -A opt_args
  _arguments -C '--home=[the folder of Jarvis, in place of JARVIS_HOME]:DIR:_files -/' \
    '(- *)'{-h,--help}'[every verb]' '(- *)'{-V,--version}'[the version]' '1: :->verb' '*:: :->rest' && return
  home=${(Q)opt_args[--home]}
  home=${home/#\~\//$HOME/}
  if [[ $state = verb ]]; then
    local -a verbs
    verbs=(
@first@
    )
    _describe -t verbs verb verbs
    return
  fi
  case $words[1] in
    @nouns@)
      if (( CURRENT == 2 )); then
        _jarvis_action $words[1]
        return
      fi
      local verb="$words[1] $words[2]"
      words=("${(@)words[2,-1]}")
      (( CURRENT-- ))
      _jarvis_takes $verb
      ;;
    *) _jarvis_takes $words[1] ;;
  esac
}

if [ "$funcstack[1]" = _jarvis ]; then _jarvis "$@"; else compdef _jarvis jarvis; fi
"""
_ACTIONS = {"task": "_jarvis_tasks", "file": "_files", "folder": "_files -/"}


def render(verbs: dict[str, Taken]) -> str:
    """The script."""
    actions = {noun: found for noun, found in nouns().items() if found}
    parts = {
        "@nouns@": "|".join(actions),
        "@first@": "\n".join(f"      {_described(noun, _about(noun, found))}" for noun, found in nouns().items()),
        "@actions@": "\n".join(_noun(noun, found) for noun, found in actions.items()),
        "@verbs@": "\n".join(_verb(verb, takes) for verb, takes in verbs.items()),
    }
    text = _TEMPLATE
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


def _about(noun: str, actions: list[str]) -> str:
    return ", ".join(actions) if actions else VERBS[noun][1]


def _noun(noun: str, actions: list[str]) -> str:
    listed = "\n".join(f"      {_described(each, VERBS[f'{noun} {each}'][1])}" for each in actions)
    return f"    {noun})\n      actions=(\n{listed}\n      )\n      ;;"


def _described(word: str, about: str) -> str:
    return quoted(f"{word}:{about}")


def _verb(verb: str, takes: Taken) -> str:
    specs = [*(spec for flag in takes.flags for spec in _specs(flag)), *_words(takes)]
    return f"    '{verb}')\n      _arguments -S " + " \\\n        ".join(map(quoted, specs)) + "\n      ;;"


def _specs(flag: Flag) -> Iterable[str]:
    others = "*" if flag.repeated else f"({' '.join(flag.names)})" if len(flag.names) > 1 else ""
    for name in flag.names:
        value = f":{_value(flag.value)}" if flag.value else ""
        joined = "=" if flag.value and name.startswith("--") else ""
        yield f"{others}{name}{joined}[{_escaped(flag.about)}]{value}"


def _words(takes: Taken) -> Iterable[str]:
    for number, word in enumerate(takes.words, 1):
        last = takes.last_repeated and number == len(takes.words)
        yield f"{'*' if last else number}:{_value(word)}"


def _value(value: Value) -> str:
    action = f"({' '.join(value.choices)})" if value.choices else _ACTIONS.get(value.kind, " ")
    return f"{_escaped(value.name)}:{action}"


def _escaped(text: str) -> str:
    for each in "\\[]:":
        text = text.replace(each, f"\\{each}")
    return text


def quoted(text: str) -> str:
    """A text as one word."""
    return "'" + text.replace("'", "'\\''") + "'"

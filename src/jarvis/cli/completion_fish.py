"""Completion for fish, with what each verb and flag is for."""

from __future__ import annotations

from jarvis.cli.verbs import VERBS, nouns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis.cli.completion import Flag, Taken, Value

_HEAD = r"""# Completion of jarvis for fish: `jarvis completion fish` prints it anew;
# `jarvis help install` says where it goes.

function __jarvis_words # what stands before the cursor, without jarvis and its --home
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]; and string match -q -- '--home*' $words[1]
        if test $words[1] = --home; and set -q words[2]
            set -e words[1]
        end
        set -e words[1]
    end
    printf '%s\n' $words
end

function __jarvis_first # no verb stands there yet, or the first word of one alone
    set -l words (__jarvis_words)
    test "$words" = "$argv"
end

function __jarvis_verb # that verb stands there, and no command line of its own behind it
    set -l words (__jarvis_words)
    set -l count (count $argv)
    test (count $words) -ge $count; and test "$words[1..$count]" = "$argv"; and not contains -- -- $words
end

function __jarvis_tasks
    set -l words (commandline -opc)
    set -l home
    for i in (seq 2 (count $words))
        if test "$words[$i]" = --home; and set -q words[(math $i + 1)]
            set home --home (string replace -r '^~/' "$HOME/" -- $words[(math $i + 1)])
        else if string match -q -- '--home=*' $words[$i]
            set home $words[$i]
        end
    end
    command jarvis $home task list --names 2>/dev/null </dev/null
end

complete -c jarvis -n 'not contains -- -- (commandline -opc)' -f
complete -c jarvis -n __jarvis_first -l home -x -a '(__fish_complete_directories)' -d 'the folder of Jarvis'
complete -c jarvis -n __jarvis_first -s h -l help -d 'every verb'
complete -c jarvis -n __jarvis_first -s V -l version -d 'the version'
"""
_KINDS = {"task": "-x -a '(__jarvis_tasks)'", "file": "-r -F", "folder": "-x -a '(__fish_complete_directories)'"}


def render(verbs: dict[str, Taken]) -> str:
    """The script."""
    lines = [line for noun, actions in nouns().items() for line in _noun(noun, actions)]
    lines += [line for verb, takes in verbs.items() for line in _verb(verb, takes)]
    return _HEAD + "\n".join(f"complete -c jarvis {line}" for line in lines) + "\n"


def _noun(noun: str, actions: list[str]) -> Iterable[str]:
    about = ", ".join(actions) if actions else VERBS[noun][1]
    yield f"-n __jarvis_first -a {noun} -d {quoted(about)}"
    for action in actions:
        yield f"-n '__jarvis_first {noun}' -a {action} -d {quoted(VERBS[f'{noun} {action}'][1])}"


def _verb(verb: str, takes: Taken) -> Iterable[str]:
    start = f"-n '__jarvis_verb {verb}'"
    for flag in takes.flags:
        yield " ".join([start, *_names(flag), *([_value(flag.value)] if flag.value else []), "-d", quoted(flag.about)])
    for word in takes.words:
        if word.kind == "file":
            yield f"{start} -F"
        elif word.kind != "text":
            yield f"{start} {_value(word).removeprefix('-x ')}"


def _names(flag: Flag) -> Iterable[str]:
    for name in flag.names:
        yield f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _value(value: Value) -> str:
    if value.choices:
        return f"-x -a {quoted(' '.join(value.choices))}"
    return _KINDS.get(value.kind, "-x")


def quoted(text: str) -> str:
    """A text as one word."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""Jarvis: an always-on personal scheduler that accounts for every instant it was asked for.

For handler files: `from jarvis import handler, Context, Result, RunState`. Each is loaded when it is asked for.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.handlers.registry import handler as handler
    from jarvis.scheduler.model import Result as Result
    from jarvis.scheduler.model import RunState as RunState
    from jarvis.scheduler.ports import Context as Context

_HOMES = {
    "handler": "jarvis.handlers.registry",
    "Context": "jarvis.scheduler.ports",
    "Result": "jarvis.scheduler.model",
    "RunState": "jarvis.scheduler.model",
}


def __getattr__(name: str) -> object:
    """What handler files import, from where it lives: `import jarvis` itself loads nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - the verbs do not need it

    return getattr(import_module(_HOMES[name]), name)

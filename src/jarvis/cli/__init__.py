"""The command line, `jarvis VERB ...`: one file per noun, loaded only when its verb is asked for."""

import sys

from jarvis import __version__


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line; the exit code. `--version` alone loads nothing else."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] in (["--version"], ["-V"]):
        print(f"jarvis {__version__}")
        return 0
    from jarvis.cli.start import run

    return run(arguments)

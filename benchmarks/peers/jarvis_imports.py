"""Which third-party modules `import jarvis` brings in: `python -m benchmarks.peers.jarvis_imports`."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Count them, and name them on stderr."""
    before = set(sys.modules)
    import jarvis  # noqa: F401, PLC0415

    tops = {name.partition(".")[0] for name in set(sys.modules) - before}
    foreign = sorted(tops - {"jarvis"} - sys.stdlib_module_names)
    print("third-party:", ", ".join(foreign) or "none", file=sys.stderr)
    print(json.dumps({"third_party": len(foreign)}))


if __name__ == "__main__":
    main()

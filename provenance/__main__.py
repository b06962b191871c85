"""``python -m provenance`` and the command itself: a hook's capture is dispatched before the command line loads."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, or capture one payload."""
    arguments = sys.argv[2:]
    if sys.argv[1:2] == ["capture"] and arguments and not arguments[0].startswith("-") and arguments[0] != "git":
        from provenance import hook

        code = hook.main(arguments)
        sys.stderr.flush()
        os._exit(code)  # nothing is left open, and taking the interpreter down costs 4 ms
    from provenance import cli

    cli.main()


if __name__ == "__main__":
    main()

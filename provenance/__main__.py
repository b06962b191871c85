"""``python -m provenance`` and the command itself: what hooks call is dispatched before the command line loads."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, or answer a hook."""
    arguments = sys.argv[2:]
    if sys.argv[1:2] == ["capture"] and arguments and not arguments[0].startswith("-") and arguments[0] != "git":
        from provenance import hook

        code = hook.main(arguments)
        sys.stderr.flush()
        os._exit(code)  # nothing is left open, and taking the interpreter down costs 4 ms
    if sys.argv[1:3] == ["hook", "enforce"] and (asked := _asked(sys.argv[3:])) is not None:
        os._exit(_enforced(*asked))
    from provenance import cli

    cli.main()


def _asked(arguments: list[str]) -> tuple[str, str, str] | None:
    """Assistant, policy and team of a line as ``init`` writes it; None for any other, which the command line reads."""
    given = {"--policy": "", "--team": os.environ.get("PROVENANCE_TEAM", "")}
    assistant = ""
    rest = iter(arguments)
    for word in rest:
        if word in given:
            given[word] = next(rest, "")
        elif word.startswith("-") or assistant:
            return None
        else:
            assistant = word
    return (assistant, given["--policy"], given["--team"]) if assistant and given["--policy"] else None


def _enforced(assistant: str, policy: str, team: str) -> int:
    """The exit code of ``hook enforce``: a refusal where it could not even begin."""
    try:
        from provenance import enforcing

        return enforcing.main(assistant, policy, team)
    except BaseException as error:
        sys.stderr.write(f"provenance: refused, for nobody could ask the policy: {type(error).__name__}\n")
        return 2


if __name__ == "__main__":
    main()

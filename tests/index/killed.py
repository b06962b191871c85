"""``python -m tests.index.killed FOLDER``: leaves one index for each moment at which its writer was killed.

FOLDER/<what>/<moment>/ is what stands after ``kill -9`` of a process that built, added or compacted; each was an index
of two segments. A line on standard output says for each what ended the process.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from provenance import index
from provenance.index import builder, spill
from provenance.model import Ingredient
from tests.index.samples import outputs

BEFORE = outputs(2)
MORE = outputs(3, first=10)
WORKS: dict[str, Callable[[Path], object]] = {
    "build": lambda path: index.build(path, coming(), {}, ["built"]),
    "add": lambda path: index.add(path, coming(), {}, ["added"]),
    "compact": lambda path: index.compact(path),
}
ALIVE = {"coming": False}


def coming() -> Iterator[Ingredient]:
    yield MORE[0]
    if ALIVE["coming"]:
        die()
    yield from MORE[1:]


def die(*_: object, **__: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def at(owner: Any, name: str, call: int = 1, after: bool = False) -> None:
    """Be killed when this is called so many times, or when it has returned."""
    whole, calls = getattr(owner, name), iter(range(1, 1000))

    def called(*arguments: Any, **named: Any) -> Any:
        number = next(calls)
        if number == call and not after:
            die()
        answer = whole(*arguments, **named)
        if number == call:
            die()
        return answer

    setattr(owner, name, called)


def half_removed() -> None:
    """Be killed when the first file of the first folder that is old has been removed."""

    def removing(folder: Path, **_: object) -> None:
        for file in sorted(folder.glob("*"))[:1]:
            file.unlink()
        die()

    at_sweep = index._sweep

    def sweep(folder: Path, root: Any) -> None:
        setattr(shutil, "rmtree", removing)  # noqa: B010 (for the type checker)
        at_sweep(folder, root)

    setattr(index, "_sweep", sweep)  # noqa: B010


def spilled() -> None:
    spill.HELD = 20
    at(spill.Spill, "_write", after=True)


MOMENTS: dict[str, Callable[[], None]] = {
    "while ingredients come": lambda: ALIVE.update(coming=True),
    "when some were spilled": spilled,
    "before the first file": lambda: at(builder.Builder, "finish"),
    "in the midst of the files": lambda: at(builder.Builder, "_write_exacts"),
    "before the sums": lambda: at(builder, "_seal"),
    "when all files are written": lambda: at(builder.Builder, "finish", after=True),
    "before the segment has its name": lambda: at(os, "replace"),
    "when the segment has its name": lambda: at(os, "replace", after=True),
    "before the manifest is replaced": lambda: at(os, "replace", 2),
    "when the manifest is replaced": lambda: at(os, "replace", 2, after=True),
    "before what is old is removed": lambda: at(index, "_sweep"),
    "while what is old is removed": half_removed,
}


def main(folder: Path) -> None:
    origin = folder / "origin"
    index.build(origin, BEFORE[:1], {}, ["first"])
    index.add(origin, BEFORE[1:], {}, ["second"])
    for work, do in WORKS.items():
        for moment, prepare in MOMENTS.items():
            shutil.copytree(origin, folder / work / moment)
            child = os.fork()
            if not child:
                prepare()
                do(folder / work / moment)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            print(work, moment, os.waitstatus_to_exitcode(status), sep="\t")  # noqa: T201 (its answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

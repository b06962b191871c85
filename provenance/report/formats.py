"""The formats that CI systems read, by name, and ``NAME=PATH``, by which a command line asks for one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path

from provenance import files
from provenance.errors import ProvenanceError
from provenance.policy import Finding
from provenance.report import github, gitlab, junit, markdown, sarif
from provenance.report.collect import Report

FORMATS: dict[str, Callable[[Report, Iterable[Finding]], bytes]] = {
    "sarif": sarif.render,
    "junit": junit.render,
    "github": github.render,
    "summary": github.summary,
    "gitlab": gitlab.render,
    "markdown": markdown.render,
}
APPENDED = ("summary",)
"""Formats that are added to what a file holds: other commands of a step write the summary too."""


def parse(spec: str) -> tuple[str, str]:
    """The format and the path of ``NAME=PATH``; the path ``-``, or none, is standard output.

    ProvenanceError says which names there are.
    """
    name, _, path = spec.partition("=")
    if name not in FORMATS:
        near = get_close_matches(name[:60], FORMATS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"formats: {', '.join(FORMATS)}"
        raise ProvenanceError(f"output {name[:60]!r}: no such format ({hint})")
    return name, "-" if path in ("", "/dev/stdout") else path


def write(report: Report, findings: Iterable[Finding], spec: str) -> None:
    """Write the findings in the format and to the path of ``NAME=PATH``; a file is replaced in one step."""
    name, path = parse(spec)
    content = FORMATS[name](report, findings)
    place = Path(path)
    if path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    elif name in APPENDED or (place.exists() and not place.is_file()):  # a pipe or a device is not replaced
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab") as file:
            file.write(content)
    else:
        with files.replacing(place.resolve()) as file:  # a link stays, what it names is replaced
            file.write(content)

"""Docs that cannot rot: the help texts stand in them word for word, and every command and format has its page."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from provenance.cli import COMMANDS, group

DOCS = Path(__file__).parents[1] / "docs"


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name="provenance")
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        yield from below(name, command)


def below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for inner in command.commands:
            yield from below(f"{name} {inner}", command.commands[inner])


def help_of(name: str, command: click.Command) -> str:
    parent = click.Context(group, info_name="provenance", **group.context_settings)
    context = click.Context(command, parent, info_name=name, max_content_width=100, terminal_width=100)
    return command.get_help(context)


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_the_help_of_every_command_stands_in_its_page(name: str, command: click.Command) -> None:
    page = DOCS / f"command-{name.split(' ')[0]}.md"
    text = page.read_text() if page.exists() else ""
    expected = f"```text\n{help_of(name, command)}\n```"
    if "UPDATE_DOCS" in os.environ and expected not in text:
        pattern = re.compile(rf"```text\nUsage: provenance {re.escape(name)} \[.*?```", re.DOTALL)
        text = pattern.sub(lambda _: expected, text) if pattern.search(text) else f"{text}\n{expected}\n"
        page.write_text(text)
    assert expected in text, "run: UPDATE_DOCS=1 pytest tests/test_docs.py"


NAMES = ("store", "captures", "index", "commons", "scan", "report", "ledger", "notes", "label", "pack")


def test_every_stored_format_has_its_page() -> None:
    formats = {f"format-{name}.md" for name in NAMES}
    assert formats <= set(os.listdir(DOCS))


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = []
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
        broken.extend(f"{page.name}: {target}" for target in targets if not (page.parent / target).exists())
    assert [] == broken


def test_the_exit_codes_are_documented() -> None:
    text = (DOCS / "exit-codes.md").read_text()
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == ["0", "1", "2", "3", "130"]


def test_every_dependency_is_named_with_a_reason() -> None:
    text = (DOCS / "dependencies.md").read_text()
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]
    declared = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    names = {re.split(r"[>=\[]", one)[0] for one in declared} - {project["name"]}
    assert [] == sorted(name for name in names if f"| {name} |" not in text)

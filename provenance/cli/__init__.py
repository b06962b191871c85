"""The command line: one file a command, each parses, calls, prints, exits. The error boundary is here, once.

Exit codes: 0 pass, 1 the policy says block (or quarantine, with no split), 2 could not run, 3 a bug in this
tool, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from typing import NoReturn

import click

from provenance import __version__
from provenance.errors import ProvenanceError

COMMANDS = {
    "init": "Install the hooks that capture what assistants write.",
    "capture": "Called by the hooks: one payload into the ledger.",
    "status": "What was captured today, and from whom.",
    "doctor": "Is it live? Hooks, keys, missed captures, edits that no hook saw.",
    "ingest": "Read transcripts, exports and other tools' records into the store.",
    "collect": "Bring the stores of many machines together.",
    "index": "Build, extend, describe and verify the index.",
    "check": "Check single text files against the index and a policy.",
    "scan": "Look for indexed outputs in datasets; leaves facts, judges nothing.",
    "judge": "Judge a finished scan by a policy, without reading the dataset.",
    "gate": "Scan and judge: the command for a pipeline.",
    "label": "Write the ingredient label of a judged dataset; merge labels.",
    "trace": "Which datasets and models hold anything of a session, model or output.",
    "report": "The report for counsel: one page in one file, and a PDF.",
    "policy": "Test, explain, compare and check policies and waivers.",
    "baseline": "Adopt the tool on old data: known findings fail no run, and wait for a decision.",
    "tag": "Write down with each commit which of its lines are recorded as whose.",
    "blame": "Line by line, which assistant a file is recorded from.",
    "terms": "What providers' terms say of outputs: by channel, plan, day and use.",
    "ledger": "Verify the ledger, sign its state, prove an entry.",
    "export": "Write a label as CycloneDX, Croissant, SPDX, a dataset card and others.",
    "query": "Ask ledger, store, scans and labels in SQL.",
    "hook": "Keep assistants out of restricted zones: the hook that asks, and a way to try it.",
    "attest": "Sign labels and verdicts; record who stands on which side of the wall.",
    "pack": "Evidence for somebody who has nothing else: one file, with its verifier.",
    "verify": "Verify an evidence pack, offline.",
    "demo": "The main job in small, on data made on the spot.",
}


EXTRA = {
    "numpy": "data",
    "pyarrow": "data",
    "duckdb": "data",
    "securesystemslib": "sign",
    "cryptography": "sign",
    "weasyprint": "pdf",
}
"""Modules that a light installation does without, and the extra that brings each."""


class Commands(click.Group):
    """The commands, each imported when it is called: ``--help`` must not wait for pyarrow."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command, or nothing (click then suggests)."""
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"provenance.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from provenance.fingerprint import ENGINE, RECIPE

        click.echo(f"provenance {__version__}, engine: {ENGINE}, recipe: {RECIPE}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version, the engine and the recipe.",
)
def group() -> None:
    """Find what coding assistants wrote in datasets, and judge it by a clean-room policy.

    \b
    First time:     provenance demo
    Your own data:  provenance ingest ~/.claude/projects ~/.codex/sessions
                    provenance index build
                    provenance gate train.parquet --policy clean-room

    Exit codes: 0 pass, 1 blocked by policy, 2 could not run, 3 a bug, 130 interrupted.
    """


def main() -> NoReturn:
    """Run the command line and exit with its code; a termination is an interruption."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = group.main(standalone_mode=False)
        code = result if isinstance(result, int) else 0
        sys.stdout.flush()
    except ProvenanceError as error:
        code = _say(str(error))
    except click.ClickException as error:
        error.show()
        code = 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: what was finished is kept; run the same command again to go on", err=True)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except MemoryError:
        code = _say("out of memory (scan fewer columns with --column, or use fewer --jobs)")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        code = _say(f"{place}{error.strerror or error} (nothing half-written was kept; mend it and run again)")
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name in EXTRA:
            extra = EXTRA[error.name]
            code = _say(f"needs {error.name}, which is not installed (pip install 'provenance-cleanroom[{extra}]')")
        else:
            traceback.print_exc()
            click.echo("this is a bug in provenance: please report the lines above", err=True)
            code = 3
    sys.exit(code)


def _say(message: str) -> int:
    for line in message.splitlines():
        shown = line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        click.echo(f"error: {shown}", err=True)
    return 2

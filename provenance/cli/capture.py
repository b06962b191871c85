"""``provenance capture``: its help. A hook's call never comes here, but for git's own hooks (see ``__main__``)."""

from __future__ import annotations

import click


@click.command(name="capture")
@click.argument("assistant")
@click.argument("event", required=False)
def command(assistant: str, event: str | None) -> None:
    """Read one hook's payload from standard input and keep what the model added.

    ASSISTANT is the one whose hook calls: claude-code, codex, codex-notify (payload as last argument), cursor,
    gemini-cli, copilot, opencode, or git (EVENT is then post-commit or post-rewrite). Hosts that run each other's hooks
    are told apart by their payload. 'provenance init' writes these calls; nobody types them.

    It never blocks and never fails the assistant: exit code 0, or 1 with one line on standard error. What could not be
    captured is recorded as missed, and every report counts it.

    \b
    Examples:
      provenance capture claude-code < payload.json
      provenance capture git post-commit
    """
    if assistant != "git":
        raise click.UsageError(f"{assistant} {event or ''}: is called by the hooks that 'provenance init' writes")
    from provenance import githook

    raise click.exceptions.Exit(githook.main(event or ""))

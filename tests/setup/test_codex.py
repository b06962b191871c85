"""Codex's config.toml keeps its bytes; the requirements of a fleet say what hooks.json says."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import ProvenanceError
from provenance.setup import codex, ownfile
from provenance.setup.program import Enforced

CONFIG = """\
# mine
model = "gpt-5"   # fast

[features]
hooks = true
[profiles."a b"]
notify = ["not", "the one"]
"""


@given(st.lists(st.sampled_from(["", "# note", 'model = "x"', "a.b = 1", "\n"])), st.sampled_from(["\n", "\r\n"]))
def test_notify_comes_and_goes_without_a_trace(lines: list[str], newline: str) -> None:
    text = newline.join(dict.fromkeys(lines))
    made = codex.with_notify(text, "provenance")
    assert ["provenance", "capture", "codex-notify"] == tomllib.loads(made)["notify"]
    assert made == codex.with_notify(made, "provenance")
    assert text == codex.without_notify(made)


def test_notify_stands_above_every_table_and_others_stay() -> None:
    made = codex.with_notify(CONFIG, "'/my tools/provenance'")
    assert made.endswith(CONFIG)
    expected = {"notify": ["/my tools/provenance", "capture", "codex-notify"], **tomllib.loads(CONFIG)}
    assert expected == tomllib.loads(made)
    assert ["'/my tools/provenance' capture codex-notify"] == codex.notified(made)
    assert [] == codex.notified(CONFIG)


def test_a_config_of_our_own_goes() -> None:
    assert codex.without_notify(codex.with_notify(None, "provenance")) is None
    assert "" == codex.without_notify(codex.with_notify("", "provenance"))


@pytest.mark.parametrize(
    ("text", "message"),
    [('notify = ["say"]\n', r"notifies \['say'\] already"), ("a = \n", "is no TOML: Invalid value"), ("[a", "no TOML")],
)
def test_what_cannot_be_merged_is_refused(text: str, message: str) -> None:
    with pytest.raises(ProvenanceError, match=message):
        codex.with_notify(text, "provenance")


def test_the_requirements_of_a_fleet_say_what_the_hooks_say() -> None:
    text = codex.requirements("/usr/local/bin/provenance")
    said = tomllib.loads(text)
    assert ownfile.is_untouched(text)
    assert {"features": {"hooks": True}} == {"features": said["features"]}
    assert "/usr/local/bin" == said["hooks"].pop("managed_dir")
    assert codex.hooks("/usr/local/bin/provenance") == said["hooks"]


def test_the_requirements_of_a_fleet_refuse_what_the_hooks_refuse() -> None:
    rules = Enforced('/etc/our "rules".yaml')
    text = codex.requirements("/usr/local/bin/provenance", rules)
    hooks = tomllib.loads(text)["hooks"]
    del hooks["managed_dir"]
    assert codex.hooks("/usr/local/bin/provenance", rules) == hooks
    line = "/usr/local/bin/provenance hook enforce codex --policy '/etc/our \"rules\".yaml' || exit 2"
    assert line in codex.commands(text)
    assert [] == codex.commands(text + "# mine")
    assert [] == codex.commands('[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ncommand = "guard"\n')

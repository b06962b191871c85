"""What a label's file must be: whatever its bytes, a label whose figures agree, or a clear error."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.errors import StoreError
from provenance.label import published, reading
from provenance.label.form import Label
from provenance.label.reading import Read
from tests.label.builds import OUTPUTS, clean, jsonl, label


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder = tmp_path_factory.mktemp("sound")
    rows = [clean(0), OUTPUTS[0], OUTPUTS[2], b"{"]
    parent = label(folder, jsonl(folder / "more" / "b.jsonl", *rows, OUTPUTS[1]).parent, "more")
    return label(folder, jsonl(folder / "data" / "a.jsonl", *rows).parent, "web", [(parent, "filter")])


def test_a_label_is_read_as_it_was_written(sound: Read) -> None:
    content = sound.path.read_bytes()
    assert content == reading.encode(sound.label)
    assert content.endswith(b"}\n")
    assert b'\n  "subject": {\n    "name": "web"' in content


def test_the_published_schema_is_that_of_the_types() -> None:
    path = Path(published.__file__).with_name(published.ID)
    assert published.encode() == path.read_bytes(), "write published.encode() to the file"
    fields = {one.name for one in msgspec.structs.fields(Label)}
    assert fields == set(published.schema()["$defs"]["Label"]["properties"])
    assert "RFC 6962" in published.schema()["$defs"]["File"]["properties"]["root"]["description"]


def refused(content: bytes, match: str | None = None) -> None:
    with pytest.raises(StoreError, match=match) as raised:
        reading.parse(content, "label.json")
    assert str(raised.value).startswith("label.json: ")


def changed(read: Read, *path: str | int, value: Any) -> bytes:
    """The label with another value in one place, written as labels are."""
    raw = json.loads(read.path.read_bytes())
    at = raw
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return msgspec.json.format(json.dumps(raw, ensure_ascii=False).encode(), indent=2) + b"\n"


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        (("label",), 2, "form 2; this version reads 1"),
        (("totals", "matched"), 1, "do not add up"),
        (("totals", "records"), 5, "do not add up"),
        (("totals", "tokens"), -1, "below zero"),
        (("totals", "bytes"), 1 << 60, r"beyond 2\^53"),
        (("totals", "bytes"), 1 << 200, ""),
        (("totals", "files"), 0, "do not add up"),
        (("totals", "tokens"), 1.5, "Expected `int`"),
        (("subject", "root"), "0" * 64, "its root is not that of its files"),
        (("subject", "root"), "0" * 63, "64 hex digits"),
        (("subject", "files", 0, "root"), "0" * 64, "its root is not that of its files"),
        (("subject", "files", 0, "sha256"), "X" * 64, "64 hex digits"),
        (("shares",), [], "shares do not add up"),
        (("shares", 0, "action"), "burn", "none of a policy's"),
        (("judgement", "verdict"), "fine", "none of a policy's"),
        (("skipped",), {}, "reasons do not add up"),
        (("parents", 0, "relation"), "friend", "relation is none of"),
        (("parents", 0, "label"), "../../x", "64 hex digits"),
        (("contents",), "x", "64 hex digits"),
        (("more",), 1, "unknown keys"),
        (("subject", "files"), {"a": 1}, "Expected `array`"),
    ],
)
def test_a_label_whose_figures_do_not_agree_is_refused(
    sound: Read, path: tuple[str | int, ...], value: Any, match: str
) -> None:
    refused(changed(sound, *path, value=value), match or None)


def test_files_out_of_order_or_twice_are_refused(sound: Read) -> None:
    (one,) = json.loads(sound.path.read_bytes())["subject"]["files"]
    for files in ([one, one], [{**one, "path": "z"}, {**one, "path": "a"}]):
        refused(changed(sound, "subject", "files", value=files), "not in order")


def test_a_label_that_somebody_reformatted_is_refused(sound: Read) -> None:
    content = sound.path.read_bytes()
    raw = json.loads(content)
    for other in (
        content[:-1],
        content + b"\n",
        json.dumps(raw).encode(),
        json.dumps(raw, indent=4).encode(),
        msgspec.json.format(json.dumps(dict(reversed(raw.items()))).encode(), indent=2) + b"\n",
        content.replace(b'{\n  "label": 1,', b'{\n  "label": 1,\n  "label": 1,', 1),
        b"\xef\xbb\xbf" + content,
    ):
        refused(other)


def test_bytes_of_no_label_are_refused() -> None:
    for content in (
        b"",
        b"{}",
        b"null",
        b"\xff\xfe",
        b"[" * 1_000_000,
        b'{"label": ' + b"[" * 1_000_000,
        b'{"x":' * 500_000,
        b'{"label": 1, "subject": "\\ud800"}',
        b'{"label": 1' + b"0" * 5000 + b"}",
    ):
        refused(content, "not a label of form 1")


def test_a_file_that_cannot_be_read_or_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "none", Path("a\0b")):
        with pytest.raises(StoreError, match="cannot be read"):
            reading.load(path)
    monkeypatch.setattr(reading, "LARGEST", 10)
    (tmp_path / "label.json").write_bytes(b"{" * 11)
    with pytest.raises(StoreError, match="larger than"):
        reading.load(tmp_path / "label.json")


def test_any_changed_byte_is_refused_or_another_digest(sound: Read, tmp_path: Path) -> None:
    content = sound.path.read_bytes()
    rng = random.Random(7)
    path = tmp_path / "label.json"
    for _ in range(1500):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            assert sound.digest != reading.load(path).digest
        except StoreError as error:
            assert str(error).startswith(str(path))  # noqa: PT017  # some are still labels


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_whatever_place_a_label_is_read_or_refused(sound: Read, data: st.DataObject) -> None:
    raw = json.loads(sound.path.read_bytes())
    at, key = raw, data.draw(st.sampled_from(sorted(raw)))
    while isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans()):
        at = at[key]
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
    at[key] = data.draw(JSON)
    content = json.dumps(raw).encode()
    if b"NaN" not in content and b"Infinity" not in content:
        content = msgspec.json.format(content, indent=2) + b"\n"
    try:
        assert content == reading.encode(reading.parse(content, "label.json"))
    except StoreError as error:
        assert str(error).startswith("label.json: ")  # noqa: PT017  # some are still labels

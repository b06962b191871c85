"""What holds anything of an output: upstream, downstream, at what cost; and what cannot be known is said."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance import splitting, store
from provenance.errors import PolicyError, StoreError
from provenance.label import contents, merging, reading, tracing
from provenance.label.form import Parent
from provenance.label.reading import Read
from provenance.label.tracing import Asked, Held, Trace
from tests.label.builds import BYLINES, OUTPUTS, clean, jsonl, label, rewritten
from tests.making import ingredient

Builds = dict[str, Read]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Builds]:
    """web -> clean (filtered); web and code -> corpus (merged) -> mix (joined); other stands alone."""
    folder = tmp_path_factory.mktemp("made")
    rows = [
        clean(0),
        OUTPUTS[0],
        f"{OUTPUTS[0]} {clean(1)} {OUTPUTS[1]}",
        {"q": OUTPUTS[1], "a": OUTPUTS[0]},
        OUTPUTS[2],
    ]
    web = label(folder, jsonl(folder / "web" / "w.jsonl", *rows).parent, "web")
    splitting.split(folder / "run-web", folder / "split")
    part = label(folder, folder / "split" / "clean", "clean", [(web, "filter")])
    code = label(folder, jsonl(folder / "code" / "c.jsonl", clean(5), OUTPUTS[2]).parent, "code")
    merging.merge([web, code], "corpus", folder / "labels" / "corpus.json")
    corpus = reading.load(folder / "labels" / "corpus.json")
    mix = label(folder, jsonl(folder / "mix" / "m.jsonl", OUTPUTS[0], clean(7)).parent, "mix", [(corpus, "join")])
    other = label(folder, jsonl(folder / "other" / "o.jsonl", clean(8)).parent, "other")
    return folder / "labels", {"web": web, "clean": part, "code": code, "corpus": corpus, "mix": mix, "other": other}


@pytest.fixture
def builds(made: tuple[Path, Builds], tmp_path: Path) -> tuple[Path, Builds]:
    """A copy that a test may damage."""
    folder = tmp_path / "labels"
    folder.mkdir()
    for path in made[0].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder, made[1]


def named(found: Trace) -> dict[str, Held]:
    return {one.name: one for one in found.labels}


def names(builds: Builds, digests: tuple[str, ...]) -> set[str]:
    return {name for name, read in builds.items() if read.digest in digests}


def test_a_session_is_found_in_every_build_that_holds_it(builds: tuple[Path, Builds]) -> None:
    found = tracing.trace(builds[0], Asked(session="s1"))
    assert {"web": "yes", "corpus": "yes", "mix": "yes", "clean": "no"} == {
        name: one.holds for name, one in named(found).items()
    }
    assert 6 == found.read
    assert {"session": "s1"} == found.asked


def test_a_record_that_matches_two_outputs_costs_one_row(builds: tuple[Path, Builds]) -> None:
    folder, _ = builds
    web = named(tracing.trace(folder, Asked(provider="anthropic")))["web"]
    assert (3, 5, 2) == (web.records, web.of, web.outputs)
    assert 3 / 5 == web.share
    one = [named(tracing.trace(folder, Asked(session=session)))["web"].records for session in ("s1", "s2")]
    assert [3, 2] == one
    assert 120 * 5 == web.shared
    assert 120 * 5 + 60 == web.tokens


def test_upstream_and_downstream_are_named_at_any_distance(builds: tuple[Path, Builds]) -> None:
    folder, reads = builds
    found = named(tracing.trace(folder, Asked(session="s1")))
    assert {"clean", "corpus", "mix"} == names(reads, found["web"].dependents)
    assert {"web", "corpus"} == names(reads, found["mix"].sources)
    assert {"web"} == names(reads, found["clean"].sources)
    assert ("split/clean/w.jsonl",) != found["web"].files
    assert ["w.jsonl"] == [Path(one).name for one in found["corpus"].files]


def test_what_was_filtered_out_on_the_way_is_no_source(builds: tuple[Path, Builds]) -> None:
    folder, reads = builds
    parent = reading.parent_of(reads["clean"], "join")
    joined = rewritten(reads["code"], folder / "joined.json", parents=(parent,))
    contents.place(joined.path).write_bytes(contents.place(reads["code"].path).read_bytes())
    found = tracing.trace(folder, Asked(session="s3"))
    (one,) = [each for each in found.labels if each.label == joined.digest]
    assert ("yes", ()) == (one.holds, one.sources)
    assert joined.digest in named(found)["web"].dependents


def test_what_only_comes_from_elsewhere_is_no_source(builds: tuple[Path, Builds]) -> None:
    folder, reads = builds
    found = named(tracing.trace(folder, Asked(session="s3")))
    assert {"web", "code", "corpus", "mix", "clean"} == set(found)
    assert "no" == found["mix"].holds
    assert {"web", "code"} == names(reads, found["corpus"].sources)


@pytest.mark.parametrize(
    ("asked", "holding"),
    [
        (Asked(model="gpt-*"), {"web", "code", "corpus"}),
        (Asked(model="claude-opus-4-5"), {"web", "corpus", "mix"}),
        (Asked(model="claude"), set()),
        (Asked(tool="codex"), {"web", "code", "corpus"}),
        (Asked(provider="openai", tool="claude-code"), set()),
        (Asked(provider="anthropic", session="s2"), {"web", "corpus"}),
        (Asked(session="nobody"), set()),
    ],
)
def test_all_that_is_asked_has_to_hold_of_one_output(
    made: tuple[Path, Builds], asked: Asked, holding: set[str]
) -> None:
    found = tracing.trace(made[0], asked)
    assert holding == {one.name for one in found.labels if one.holds == "yes"}


def test_an_output_is_found_by_its_id(made: tuple[Path, Builds]) -> None:
    folder, reads = made
    some = next(contents.read(contents.place(reads["mix"].path), reads["mix"].label)).members[0]
    found = tracing.trace(folder, Asked(ingredient=some.ingredient))
    assert {"web", "corpus", "mix"} == {one.name for one in found.labels if one.holds == "yes"}


def test_missing_contents_are_said_and_never_count_as_nothing(builds: tuple[Path, Builds]) -> None:
    folder, _ = builds
    (folder / "web.contents.parquet").unlink()
    found = tracing.trace(folder, Asked(session="nobody"))
    assert (str(folder / "web.json"),) == found.absent_contents
    assert "unknown" == named(found)["web"].holds
    assert {"corpus", "clean", "mix", "web"} == set(named(found))


def test_a_label_without_a_match_needs_no_contents(builds: tuple[Path, Builds]) -> None:
    folder, _ = builds
    (folder / "other.contents.parquet").unlink()
    assert () == tracing.trace(folder, Asked(session="s1")).absent_contents


def test_changed_contents_are_an_error_that_names_them(builds: tuple[Path, Builds]) -> None:
    folder, _ = builds
    path = folder / "code.contents.parquet"
    sound = path.read_bytes()
    rng = random.Random(5)
    for _ in range(50):
        damaged = bytearray(sound)
        damaged[rng.randrange(len(sound))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"code\.contents\.parquet: not the contents that code\.json names"):
            tracing.trace(folder, Asked(session="s1"))


def test_models_that_were_trained_on_it_are_named(builds: tuple[Path, Builds]) -> None:
    folder, reads = builds
    lines = [
        f"  {name}: [{reads[build].digest}]" for name, build in (("big", "mix"), ("small", "clean"), ("x", "other"))
    ]
    (folder / "models.yaml").write_text("\n".join(["models:", *lines, f"  lost: [{'f' * 64}]", ""]))
    found = tracing.trace(folder, Asked(session="s1"))
    assert [("big", "yes"), ("small", "no")] == [(one.model, one.holds) for one in found.models]
    assert ("big",) == named(found)["mix"].models
    assert ("f" * 64,) == found.absent_labels
    (folder / "clean.contents.parquet").unlink()
    (folder / "mix.contents.parquet").unlink()
    assert [("big", "unknown"), ("small", "no")] == [
        (one.model, one.holds) for one in tracing.trace(folder, Asked(session="s1")).models
    ]


@pytest.mark.parametrize(
    "content",
    [
        "models: 1",
        "- a",
        "models: {m: [abc]}",
        "models: {m: [1]}",
        "model: {}",
        "models: {m: []}\nmore: 1",
        "models: {m: &a [*a]}",
        "[" * 2000,
        "a: *b",
        "models: {m: 'x', m: 'y'}",
        "\x00",
    ],
)
def test_a_list_of_models_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "models.yaml").write_text(content)
    with pytest.raises(PolicyError, match=r"models\.yaml"):
        tracing.trace(tmp_path, Asked(session="s1"))


def test_a_list_of_models_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        tracing.trace(tmp_path, Asked(session="s1"), tmp_path / "cards.yaml")


def test_other_json_is_passed_over_and_a_damaged_label_is_not(builds: tuple[Path, Builds]) -> None:
    folder, _ = builds
    (folder / "report.json").write_text('{"report": 1}')
    (folder / "sub").mkdir()
    (folder / "sub" / "empty.json").write_text("")
    assert 2 == tracing.trace(folder, Asked(session="s1")).passed_over
    (folder / "sub" / "bad.json").write_text('{"label": 1, "subject": ' + "[" * 100_000)
    with pytest.raises(StoreError, match=r"bad\.json: not a label"):
        tracing.trace(folder, Asked(session="s1"))
    with pytest.raises(StoreError, match="no such folder"):
        tracing.trace(folder / "none", Asked(session="s1"))


def test_parents_that_are_not_there_or_in_a_circle_end(builds: tuple[Path, Builds]) -> None:
    folder, reads = builds
    for path in folder.iterdir():
        path.unlink()
    many = [Parent("input", f"p{n}", f"{n:064x}", "0" * 64, 1) for n in range(500)]
    one = rewritten(reads["web"], folder / "one.json", parents=tuple(many), contents="")
    two = rewritten(reads["web"], folder / "two.json", parents=(reading.parent_of(one, "input"),), contents="")
    # A digest cannot be its own parent's, but a label may claim anything.
    claimed = (*many, Parent("input", "two", two.digest, "0" * 64, 1))
    rewritten(reads["web"], folder / "one.json", parents=claimed, contents="")
    found = tracing.trace(folder, Asked(session="s1"))
    assert 501 == len(found.absent_parents)
    assert one.digest in found.absent_parents


def test_the_way_through_a_circle_ends() -> None:
    arrows = {"a": ["b"], "b": ["c", "a"], "c": ["c", "b"]}
    assert {"a", "b", "c"} == tracing._reached(["a"], arrows)


def test_of_two_copies_of_a_label_the_one_with_its_contents_is_read(builds: tuple[Path, Builds]) -> None:
    folder, _ = builds
    (folder / "a").mkdir()
    (folder / "a" / "copy.json").write_bytes((folder / "web.json").read_bytes())
    found = tracing.trace(folder, Asked(session="s1"))
    assert ("yes", 6) == (named(found)["web"].holds, found.read)


def test_outputs_that_others_repeat_are_said_to(builds: tuple[Path, Builds]) -> None:
    folder, reads = builds
    write(folder, reads["code"], {"others": [4]})
    assert 4 == named(tracing.trace(folder, Asked(session="s3")))["code"].hidden


def write(folder: Path, read: Read, changes: dict[str, Any], schema: Any = None) -> None:
    """The contents of a label with other columns, and the label that names them."""
    table = pq.read_table(contents.place(read.path))
    for name, values in changes.items():
        table = table.set_column(
            table.schema.get_field_index(name), name, pa.array(values, table.schema.field(name).type)
        )
    path = folder / read.path.name
    pq.write_table(table if schema is None else table.cast(schema), contents.place(path))
    rewritten(read, path, contents=contents.digest(contents.place(path)))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"records": [2]}, "more records or files"),
        ({"records": [0]}, "without records"),
        ({"records": [-5]}, "without records"),
        ({"set": [1]}, "out of order"),
        ({"files": [[7]]}, "more records or files"),
        ({"files": [[-1]]}, "more records or files"),
        ({"files": [[]]}, "more records or files"),
        ({"files": [None]}, "value is missing"),
        ({"files": [[None]]}, "value is missing"),
        ({"ingredient": [None]}, "value is missing"),
        ({"text_tokens": [-1]}, "without records"),
    ],
)
def test_contents_that_cannot_be_the_labels_are_refused_though_it_names_them(
    builds: tuple[Path, Builds], changes: dict[str, Any], match: str
) -> None:
    folder, reads = builds
    write(folder, reads["code"], changes)
    with pytest.raises(StoreError, match=match):
        tracing.trace(folder, Asked(session="s3"))


def test_contents_with_too_few_records_or_other_columns_are_refused(builds: tuple[Path, Builds]) -> None:
    folder, reads = builds
    write(folder, reads["code"], {}, contents.schema().set(0, pa.field("set", pa.int32())))
    with pytest.raises(StoreError, match="other columns"):
        tracing.trace(folder, Asked(session="s3"))
    totals = reads["code"].label.totals
    more = msgspec.structs.replace(totals, matched=totals.matched + 1, unknown=totals.unknown - 1)
    share = msgspec.structs.replace(reads["code"].label.shares[0], records=2)
    rewritten(reads["code"], folder / "code.json", totals=more, shares=(share,))
    contents.place(folder / "code.json").write_bytes(contents.place(reads["code"].path).read_bytes())
    with pytest.raises(StoreError, match="1 matched records of the label are in no set"):
        tracing.trace(folder, Asked(session="s3"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1 << 20), put=st.binary(max_size=6), cut=st.integers(0, 6))
def test_any_contents_that_a_label_names_are_read_or_refused(
    made: tuple[Path, Builds], tmp_path_factory: pytest.TempPathFactory, place: int, put: bytes, cut: int
) -> None:
    read = made[1]["code"]
    folder = tmp_path_factory.mktemp("damaged")
    content = contents.place(read.path).read_bytes()
    place %= len(content)
    path = folder / "code.json"
    contents.place(path).write_bytes(content[:place] + put + content[place + cut :])
    hostile = rewritten(read, path, contents=contents.digest(contents.place(path)))
    try:
        assert 1 == sum(one.records for one in contents.read(contents.place(path), hostile.label))
    except StoreError as error:
        assert str(error).startswith(str(contents.place(path)))  # noqa: PT017  # some are still contents


def test_a_session_that_only_repeated_is_found_where_a_store_knows_both(
    builds: tuple[Path, Builds], tmp_path: Path
) -> None:
    folder, _ = builds
    first = ingredient(OUTPUTS[0], call="c0", origin=BYLINES[0])
    again = ingredient(OUTPUTS[0], call="later", origin=msgspec.structs.replace(BYLINES[0], session="repeats"))
    other = ingredient(OUTPUTS[2], call="c2", origin=BYLINES[2])
    store.append(tmp_path / "store", [first, again, other])
    asked = Asked(session="repeats")
    assert not tracing.trace(folder, asked).labels
    same = tracing.repeated(tmp_path / "store", asked)
    assert {first.id, again.id} == same
    found = tracing.trace(folder, asked, same=same)
    held = tracing.trace(folder, Asked(ingredient=first.id))
    assert found.is_by_text
    assert not held.is_by_text
    assert found.labels == held.labels
    assert found.labels

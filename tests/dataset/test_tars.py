"""WebDataset shards: members grouped into samples, what is no text, names that mean harm, damage."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
from pathlib import Path

import pytest

from provenance import dataset
from provenance.dataset import tars, trees
from provenance.errors import DatasetError
from tests.dataset.reading import leaves_of, skipped_of, total_of

MEMBERS = {
    "000.txt": b"a caption",
    "000.json": b'{"caption": "told", "tags": ["x", null]}',
    "000.jpg": b"\xff\xd8\0\0",
    "sub.dir/001.seg.txt": b"deep",
    "sub.dir/001.cls": b"7",
    "Makefile": b"all:\n",
}


def write(path: Path, members: dict[str, bytes] = MEMBERS, kind: int = tarfile.PAX_FORMAT, mode: str = "w") -> Path:
    with tarfile.open(path, mode, format=kind) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return path


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(("name", "mode"), [("d.tar", "w"), ("d.tar.gz", "w:gz"), ("d.tgz", "w:gz")])
def test_a_sample_is_a_row_and_its_text_members_are_fields(tmp_path: Path, kind: int, name: str, mode: str) -> None:
    path = write(tmp_path / name, kind=kind, mode=mode)
    assert [
        (0, "json.caption", b"told"),
        (0, "json.tags[0]", b"x"),
        (0, "txt", b"a caption"),
        (1, "cls", b"7"),
        (1, "seg.txt", b"deep"),
        (2, "file", b"all:\n"),
    ] == leaves_of(path)
    assert (3, 0, 2) == total_of(path)


def test_names_longer_than_a_header_group_as_short_ones_do(tmp_path: Path) -> None:
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = write(tmp_path / "d.tar", {f"{'d' * 150}/{'é' * 60}.{end}": b"x" for end in ("txt", "md")}, kind)
        assert [(0, "md", b"x"), (0, "txt", b"x")] == leaves_of(path)


def test_a_chosen_field_is_read_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "d.tar")
    assert [(0, "json.caption", b"told")] == leaves_of(path, columns=["json.caption"])


def test_names_that_climb_and_links_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "in" / "d.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as archive:
        for name in ("../../up.txt", "/etc/passwd.txt"):
            about = tarfile.TarInfo(name)
            about.size = 1
            archive.addfile(about, io.BytesIO(b"x"))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    before = sorted(tmp_path.rglob("*"))
    assert [(0, "txt", b"x"), (1, "txt", b"x")] == leaves_of(path)
    assert before == sorted(tmp_path.rglob("*"))


def test_binary_large_and_sparse_members_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "MAX_TEXT", 100)
    monkeypatch.setattr(trees, "MAX_TEXT", 100)
    path = write(tmp_path / "d.tar", {"a.txt": b"x\0y", "b.txt": b"z" * 101, "c.txt": b"fine", "d.txt": b"sparse"})
    content = bytearray(path.read_bytes())
    header = content.rindex(b"d.txt")
    content[header + 156] = ord("S")
    content[header + 148 : header + 156] = b" " * 8
    checksum = sum(content[header : header + 512])
    content[header + 148 : header + 156] = b"%06o\0 " % checksum
    path.write_bytes(bytes(content))
    found = skipped_of(path)
    assert [(0, "binary, not text"), (1, "larger than 0 MB"), (3, "a sparse member")] == [
        (row, one.reason) for row, one in found
    ]
    assert [(2, "txt", b"fine")] == leaves_of(path)


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_cut_archive_holds_is_read_and_the_rest_is_a_skipped_row(tmp_path: Path, packed: bool) -> None:
    rng = random.Random(3)
    whole = write(tmp_path / "d.tar", {f"{n:03}.txt": rng.randbytes(600).hex().encode() for n in range(40)})
    content = whole.read_bytes()
    path = tmp_path / ("cut.tar.gz" if packed else "cut.tar")
    path.write_bytes(gzip.compress(content)[:18_000] if packed else content[:20_000])
    rows, skipped, _ = total_of(path)
    assert skipped in (1, 2)
    assert 5 < len(leaves_of(path)) < 40
    assert rows == len(leaves_of(path)) + skipped
    reasons = " ".join(one.reason for _, one in skipped_of(path))
    assert "cut off" in reasons or "truncated" in reasons


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    (tmp_path / "d.tar").write_bytes(b"not a tar" * 100)
    (problem,) = dataset.plan([str(tmp_path / "d.tar")]).problems
    assert problem.endswith("d.tar: not a tar archive (write it again, or leave it out)")


def test_damaged_bytes_cost_rows_and_pieces_are_the_whole_file(tmp_path: Path) -> None:
    whole = write(tmp_path / "d.tar", {**MEMBERS, "x" * 120 + ".txt": b"long"}).read_bytes()
    rng = random.Random(5)
    lost = 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.randrange(1, 5)):
            content[rng.randrange(len(content) // 2)] = rng.randrange(256)
        path = tmp_path / "bad.tar"
        path.write_bytes(bytes(content))
        try:
            plan = dataset.plan([str(path)])
            lost += len(plan.problems)
            numbers: set[int] = set()
            if plan.units:
                rows, skipped, _ = total_of(path)
                lost += skipped
                pieces = list(tars.pieces(str(path), str(path)))
                assert bytes(content) == b"".join(part for _, parts in pieces for part in parts)
                numbers = {row for some, _ in pieces for row in some if row >= 0}
                assert set(range(rows)) == numbers
        except DatasetError as error:
            assert "bad.tar" in str(error)  # noqa: PT017 (most are no error at all)
    assert lost > 20

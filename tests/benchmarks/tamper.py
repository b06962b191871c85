"""One thousand random single-byte changes of an evidence pack: what each verifier sees, and whether it names the part.

    python -m tests.benchmarks.tamper [CHANGES]

Half of the changes are anywhere in the zip, its headers too; half are in files of the folder form, every file as often.
The pack is made of small made-up data. Also printed: the seconds that verifying the whole pack takes.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from provenance import standalone
from provenance.cli.policy import asking
from provenance.evidence import verifying
from tests.evidence.making import call, made

CHANGES = 1000
ALONE = 40
"""Changes that the pack's own verify.py, as a process, is asked about too."""

Faults = list[tuple[str, str]]
VERIFIERS: dict[str, Callable[[Path], Faults]] = {
    "verify.py of the pack": lambda path: standalone.verify(str(path)).faults,
    "provenance verify": lambda path: verifying.verify(path, asking).faults,
}


def places(path: Path) -> list[tuple[int, set[str]]]:
    """Where each stretch of a zip ends, with the names that a fault in it may have."""
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        start = archive.start_dir
    found = []
    for number, info in enumerate(infos):
        end = infos[number + 1].header_offset if number + 1 < len(infos) else start
        before = infos[number - 1].filename if number else info.filename
        found.append((info.header_offset + 30 + len(info.filename), {"(zip)", info.filename, before}))
        found.append((end, {info.filename}))
    return [*found, (path.stat().st_size, {"(zip)"})]


def changed(data: bytes, at: int, rng: random.Random) -> bytes:
    """The same bytes but for one."""
    other = (data[at] + rng.randrange(1, 256)) % 256
    return data[:at] + bytes([other]) + data[at + 1 :]


def main() -> None:
    """Make the pack, change it, print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CHANGES
    rng = random.Random(2026)
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            source = made(folder)
            for out in ("evidence.zip", "evidence"):
                assert call("pack", *source.arguments(), "--out", out) == 0
        zipped, plain = folder / "evidence.zip", folder / "evidence"
        size, files = zipped.stat().st_size, sum(1 for one in plain.rglob("*") if one.is_file())
        print(f"pack: {size:,} bytes, {files} files")
        for named, verify in VERIFIERS.items():
            took = []
            for path in (zipped, plain, zipped, plain, zipped):
                began = time.perf_counter()
                assert not verify(path)
                took.append(time.perf_counter() - began)
            print(f"{named}: verifies it in {statistics.median(took):.3f} s (median of 5)")
        began = time.perf_counter()
        assert alone(folder, zipped) == 0
        print(f"python verify.py, a process of its own: {time.perf_counter() - began:.3f} s")
        seen: Counter[str] = Counter()
        rightly: Counter[str] = Counter()
        whole, stretches = zipped.read_bytes(), places(zipped)
        trial = folder / "trial.zip"
        asked = 0
        for number in range(count - count // 2):
            at = rng.randrange(len(whole))
            trial.write_bytes(changed(whole, at, rng))
            names = next(names for end, names in stretches if at < end)
            judge(trial, names | with_manifest(names), seen, rightly)
            if number < ALONE:
                asked += 1
                seen["as a process"] += alone(folder, trial) == 1
        paths = sorted(one for one in plain.rglob("*") if one.is_file())
        for _ in range(count // 2):
            path = rng.choice(paths)
            before = path.read_bytes()
            path.write_bytes(changed(before, rng.randrange(len(before)), rng))
            names = {path.relative_to(plain).as_posix()}
            judge(plain, names | with_manifest(names), seen, rightly)
            path.write_bytes(before)
        assert not standalone.verify(str(plain)).faults
        for named in VERIFIERS:
            print(f"{named}: {seen[named]:,} of {count:,} changes seen, the part named in {rightly[named]:,}")
        print(f"python verify.py, a process of its own: {seen['as a process']} of {asked} changes seen")
        os.chdir(home)
        shutil.rmtree(plain)


def with_manifest(names: set[str]) -> set[str]:
    """The manifest and its checksum show together that one of the two was changed."""
    return {standalone.MANIFEST, standalone.SUM} if names & {standalone.MANIFEST, standalone.SUM} else set()


def judge(path: Path, names: set[str], seen: Counter[str], rightly: Counter[str]) -> None:
    """Ask both verifiers about a changed pack."""
    for named, verify in VERIFIERS.items():
        faults = verify(path)
        seen[named] += bool(faults)
        rightly[named] += bool(names & {part for part, _ in faults})
        if not names & {part for part, _ in faults}:
            print(f"  {named}: {sorted(names)} changed, told: {faults[:3]}")


def alone(folder: Path, pack: Path) -> int:
    """The exit code of the verifier that the pack brought."""
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(pack)]
    if not Path(command[3]).exists():
        shutil.copy(folder / "evidence" / "verify.py", command[3])
    return subprocess.run(command, capture_output=True, check=False).returncode


if __name__ == "__main__":
    main()

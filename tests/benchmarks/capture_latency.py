"""What a capture costs the assistant: the whole process of one hook over ``python -c pass``, paired.

    python tests/benchmarks/capture_latency.py [RUNS]

Prints a Markdown table: median milliseconds, the median of the paired ratios, and peak memory, for an edit of the
median size (94 tokens), a new file of 400 lines, a read of 2,000 lines and a Bash heredoc; alone and while 4 others
capture into the same store. The session has read 20 files of 2,000 lines before: more than most. Install the package
first, not as editable: that alone doubles ``pass``.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

WORDS = "level limit total step gauge reader writer frame offset count index table value start end key".split()
SHAPES = (
    "{a} = {b}.{c}({d}, {n}) + {a}[{n}]",
    "for {a}, {b} in enumerate({c}):",
    "if {a} and not {b}.{c}(key={d}):",
    "    return [{a}({b}) for {b} in {c} if {b} > {n}]",
    "def {a}(self, {b}, {c}={n}) -> {d}:",
    "    raise ValueError(f'{a}: {{{b}}} is no {c}')",
    "    # the {a} of a {b} is never more than its {c}",
    "{a}.{b}['{c}'] = {d} if {a} is None else {n}",
    "with open({a}, {b}) as {c}, {d}:",
    "    assert {a} == {b}, {c}",
    "    {a} += {b} * {c} // {d}",
    "except ({a}, {b}) as {c}:",
)


def lines(rng: random.Random, count: int) -> str:
    """So many lines that look like a program."""
    made = []
    for _ in range(count):
        a, b, c, d = (f"{word}_{rng.randrange(99)}" for word in rng.choices(WORDS, k=4))
        made.append("    " + rng.choice(SHAPES).format(a=a, b=b, c=c, d=d, n=rng.randrange(99)))
    return "\n".join(made) + "\n"


def payload(kind: str, rng: random.Random, session: str, cwd: str) -> dict[str, Any]:
    """One hook's payload, new each time."""
    head = {"session_id": session, "transcript_path": "", "cwd": cwd, "hook_event_name": "PostToolUse"}
    head["tool_use_id"] = f"toolu_{rng.getrandbits(96):024x}"
    path = f"{cwd}/file{rng.randrange(50)}.py"
    if kind == "edit of 94 tokens":
        old = lines(rng, 20)
        new = old + lines(rng, 5)
        given = {"file_path": path, "old_string": old, "new_string": new}
        return {**head, "tool_name": "Edit", "tool_input": given, "tool_response": {"originalFile": old}}
    if kind == "new file of 400 lines":
        return {
            **head,
            "tool_name": "Write",
            "tool_input": {"file_path": path, "content": lines(rng, 400)},
            "tool_response": {},
        }
    if kind == "read of 2,000 lines":
        response = {"file": {"content": lines(rng, 2000)}}
        return {**head, "tool_name": "Read", "tool_input": {"file_path": path}, "tool_response": response}
    command = f"cat > {path} <<'EOF'\n{lines(rng, 20)}EOF\n"
    return {**head, "tool_name": "Bash", "tool_input": {"command": command}, "tool_response": {"stdout": ""}}


KINDS = ("edit of 94 tokens", "new file of 400 lines", "read of 2,000 lines", "Bash heredoc of 20 lines")


def timed(command: list[str], data: bytes, environment: dict[str, str]) -> tuple[float, int]:
    """Seconds and peak kilobytes of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return seconds, usage.ru_maxrss


def measure(kind: str, runs: int, others: int) -> tuple[float, float, float, float, int]:
    """Median milliseconds of pass and capture, the median of their ratios, its 90th percentile, peak kilobytes."""
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, ".provenance")
        store.mkdir()
        environment = {**os.environ, "PROVENANCE_STORE": str(store), "HOME": folder}
        script = Path(sys.executable).with_name("provenance")
        command = [str(script), "capture", "claude-code"]
        for _ in range(20):
            timed(command, json.dumps(payload("read of 2,000 lines", rng, "s", folder)).encode(), environment)
        stop = threading.Event()

        def work(number: int) -> None:
            own = random.Random(number)
            while not stop.is_set():
                data = json.dumps(payload(KINDS[0], own, f"other{number}", folder)).encode()
                timed(command, data, environment)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(others)]
        for thread in threads:
            thread.start()
        passes, captured, most = [], [], 0
        try:
            for _ in range(runs):
                passes.append(timed([sys.executable, "-c", "pass"], b"", environment)[0])
                seconds, memory = timed(command, json.dumps(payload(kind, rng, "s", folder)).encode(), environment)
                captured.append(seconds)
                most = max(most, memory)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    ratios = sorted(one / other for one, other in zip(captured, passes, strict=True))
    return (
        statistics.median(passes) * 1e3,
        statistics.median(captured) * 1e3,
        statistics.median(ratios),
        ratios[int(0.9 * len(ratios))],
        most,
    )


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print("| payload | others at work | `python -c pass`, ms | capture, ms | ratio (90th percentile) | peak memory |")
    print("|---|---|---|---|---|---|")
    for others in (0, 4):
        for kind in KINDS:
            floor, median, ratio, high, memory = measure(kind, runs, others)
            print(
                f"| {kind} | {others} | {floor:.1f} | {median:.1f} | {ratio:.2f} ({high:.2f}) "
                f"| {memory / 1024:.0f} MB |"
            )


if __name__ == "__main__":
    main()

"""Runs one target under the coverage-guided fuzzer; `make fuzz` does it for all of them.

    python -m tests.fuzz.run TARGET SECONDS

A crash prints the input as a line of a corpus. Add it to tests/fuzz/corpus, where the test suite replays it. After a
run without a crash the corpus is the smallest set of inputs that reaches what the run has reached.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.kept import inputs, write_inputs

MAX_LENGTH = 2048
_INSTRUMENTED = ["deldokument", "python_multipart", "tests.fuzz.targets"]
_KEPT = 60
"""Inputs that a corpus keeps at most, the shortest ones."""


def fuzz(name: str, seconds: int) -> int:
    """Fuzz the target for so long and write its corpus back; return 0 unless an input broke it."""
    with TemporaryDirectory() as folder:
        found, kept, again = Path(folder, "found"), Path(folder, "kept"), Path(folder, "again")
        for directory in (found, kept):
            directory.mkdir()
        for number, one in enumerate(inputs(name)):
            (found / f"seed-{number}").write_bytes(one)
        # To merge, the fuzzer starts its own program again.
        again.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.fuzz.run --inside "$0" {name} "$@"\n')
        again.chmod(0o755)
        code = _child(again, name, f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", str(found))
        for crash in Path(folder).glob("*-*"):
            print(f"{name}: {crash.name}: {crash.read_bytes()!r}")
        if code == 0:
            _child(again, name, "-merge=1", str(kept), str(found))
            smallest = sorted((one.read_bytes() for one in kept.iterdir()), key=len)
            write_inputs(name, {*inputs(name), *smallest[:_KEPT]})
        return code


def _child(program: Path, name: str, *options: str) -> int:
    limits = [f"-max_len={MAX_LENGTH}", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1"]
    command = [str(program), *limits, *options]
    began = time.monotonic()
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, errors="replace")
    stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stderr))
    covered = re.findall(r"cov: (\d+) ft: (\d+)", done.stderr)[-1:] or [("0", "0")]
    if "number_of_executed_units" in stats:
        _report(name, stats, covered[0], time.monotonic() - began, done.returncode)
    if done.returncode:
        print(done.stderr[-6000:])
    return done.returncode


def _report(name: str, stats: dict[str, str], covered: tuple[str, str], seconds: float, code: int) -> None:
    runs, (edges, features) = stats["number_of_executed_units"], covered
    print(f"{name}: {runs} inputs in {seconds:.0f} s, {edges} edges, {features} features, exit {code}", flush=True)


def _inside(program: str, name: str, options: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([program, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        _inside(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        os.nice(10)
        sys.exit(fuzz(sys.argv[1], int(sys.argv[2])))

"""Prometheus' own tool for rules; `scripts/setup large` installs it."""

import subprocess
from pathlib import Path


def promtool(*arguments: str | Path) -> None:
    """Run it. AssertionError, with its words, when it finds fault."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

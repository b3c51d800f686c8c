"""Kept inputs of the fuzz targets: a file of text for each, one input a line as a Python bytes literal."""

import ast
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")


def inputs(name: str) -> list[bytes]:
    """Return the inputs of a target."""
    return [bytes(ast.literal_eval(line)) for line in (FOLDER / f"{name}.txt").read_text("ascii").splitlines()]


def write_inputs(name: str, kept: Iterable[bytes]) -> None:
    """Replace the inputs of a target; they are sorted by length."""
    lines = [f"{one!r}\n" for one in sorted(set(kept), key=lambda one: (len(one), one))]
    (FOLDER / f"{name}.txt").write_text("".join(lines), "ascii")

"""What was measured as pictures (SVG, the same bytes for the same figures) for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

matplotlib.rcParams.update({"svg.hashsalt": "deldokument", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
Curve = Sequence[tuple[float, float]]
_OURS = "Del dokument"


def bars(path: Path, panels: Mapping[str, Mapping[str, tuple[float, float, float]]], unit: str) -> None:
    """A panel for each title: for each name its median, with the smallest and the largest as whiskers."""
    height = 0.32 * max(map(len, panels.values())) + 0.9
    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.2 * len(panels), height), squeeze=False)
    for place, (title, found) in zip(axes[0], panels.items(), strict=True):
        names, values = list(found), list(found.values())
        middle = [value for value, _, _ in values]
        spread = [[value - low for value, low, _ in values], [high - value for value, _, high in values]]
        colours = ["#0062ba" if _OURS in name else "#8c98a4" for name in names]
        place.barh(names, middle, xerr=spread, color=colours, error_kw={"elinewidth": 0.8})
        place.invert_yaxis()
        place.set_title(title)
        place.set_xlabel(unit)
    _save(figure, path)


def curves(
    path: Path, lines: Mapping[str, Curve], *, x: str, y: str, limit: float | None = None, logarithmic: bool = False
) -> None:
    """A line for each name, and where it may not go; ``logarithmic`` from left to right, with its points marked."""
    figure, place = pyplot.subplots(figsize=(8, 3.2))
    for name, points in lines.items():
        marker = "o" if logarithmic else None
        place.plot([at for at, _ in points], [value for _, value in points], label=name, linewidth=1.2, marker=marker)
    if limit is not None:
        place.axhline(limit, color="#b00020", linestyle="--", linewidth=0.9, label=f"aim: below {limit:g}")
    if logarithmic:
        place.set_xscale("log")
    place.set_xlabel(x)
    place.set_ylabel(y)
    place.set_ylim(bottom=0)
    place.legend(loc="lower right", fontsize=8)
    _save(figure, path)


def _save(figure: pyplot.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)

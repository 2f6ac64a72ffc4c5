"""Charts of the figures, where matplotlib is installed; without it the figures are kept and told all the same."""

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["BLUE", "GREEN", "GREY", "LIMIT", "ORANGE", "PURPLE", "RED", "limit_line", "paint"]

# Okabe and Ito's palette, which colour-blind readers can tell apart: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, PURPLE, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00"
GREY, LIMIT = "#777777", "#000000"
INCHES = (9.0, 4.2)
DOTS_PER_INCH = 100
COLOURS = 128


def paint(
    path: Path,
    title: str,
    panels: Callable[[list[Any]], None],
    *,
    note: str,
    rows: int = 1,
    columns: int = 1,
    inches: tuple[float, float] = INCHES,
    share_x: bool = False,
) -> None:
    """Draw a chart into a PNG file.

    Args:
        path: Of the file.
        title: What the chart says, above all panels.
        panels: Fills the axes, row by row, left to right.
        note: Where and how it was measured, small, below.
        rows: Of panels.
        columns: Of panels.
        inches: Width and height.
        share_x: Whether the panels have the same horizontal axis.
    """
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ModuleNotFoundError:
        print(f"no {path.name}: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    plot = importlib.import_module("matplotlib.pyplot")
    figure, axes = plot.subplots(rows, columns, figsize=inches, sharex=share_x, squeeze=False, layout="constrained")
    flat = list(axes.flat)
    for one in flat:
        one.grid(color="#dddddd", linewidth=0.6)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    panels(flat)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    figure.supxlabel(note, fontsize=8, color=GREY)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DOTS_PER_INCH)
    plot.close(figure)
    # A palette makes a quarter of the size, and a repository keeps every version of a chart for ever.
    picture = importlib.import_module("PIL.Image").open(drawn).convert("RGB").quantize(COLOURS)
    picture.save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} KB")


def limit_line(axis: Any, value: float, words: str, *, upright: bool = False) -> None:
    """A dashed line that no figure should cross."""
    draw = axis.axvline if upright else axis.axhline
    draw(value, color=LIMIT, linestyle="--", linewidth=1.2, label=words)

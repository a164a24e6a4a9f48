"""Charts as SVG, wide and narrow, that takes its colours from the page: `currentColor` and `--series-1`, `--series-2`,
… Vega-Lite draws them in the JavaScript engine of `vl-convert-python`, which is given no address to read from."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import polars as pl

from pressmark.storage.errors import LibraryError
from pressmark.views.figures import Unit

__all__ = ["WIDTHS", "Drawing", "can_draw", "columns", "grid", "line", "stacked"]

LIBRARY: Final = "vl_convert"
WIDTHS: Final = (864, 358)
LONGEST_LABEL: Final = 24
ROW: Final = 18
BELOW: Final = 30  # of a drawing's height, for its axis and padding
AXIS: Final[dict[str, Any]] = {
    "labelColor": "currentColor", "tickColor": "currentColor", "domainColor": "currentColor",
    "gridColor": "currentColor", "gridOpacity": 0.15, "domainOpacity": 0.4, "tickOpacity": 0.4, "labelFontSize": 12,
    "title": None, "labelOverlap": True, "labelSeparation": 12, "labelFlush": False,
}  # fmt: skip
QUANTITY: Final[dict[str, Any]] = {
    "field": "count", "type": "quantitative",
    "axis": {**AXIS, "domain": False, "ticks": False, "tickCount": 4, "format": ",d"},
}  # fmt: skip
COLOR: Final = {"value": "var(--series-1)"}
CONFIG: Final[dict[str, Any]] = {
    "aria": False, "background": None, "font": "system-ui, sans-serif", "view": {"stroke": None},
    "bar": {"binSpacing": 1},
}  # fmt: skip


class Drawing(NamedTuple):
    """A chart in the two widths, as SVG."""

    wide: str
    narrow: str


def can_draw() -> bool:
    """Whether the library is installed."""
    return importlib.util.find_spec(LIBRARY) is not None


def columns(rows: pl.DataFrame, unit: Unit) -> Drawing:
    """A column for each period: of `period`, `count`."""
    return _drawn(rows, "bar", {"x": _time(unit), "y": QUANTITY, "color": COLOR}, 150)


def stacked(rows: pl.DataFrame, unit: Unit, kinds: Sequence[str]) -> Drawing:
    """A column for each period, stacked of `kinds` in their order: of `period`, `change`, `count`."""
    scale = {"domain": list(kinds), "range": [f"var(--series-{number})" for number in range(1, len(kinds) + 1)]}
    color = {"field": "change", "type": "nominal", "scale": scale, "legend": None}
    return _drawn(rows, "bar", {"x": _time(unit), "y": QUANTITY, "color": color}, 150)


def grid(rows: pl.DataFrame, unit: Unit, labels: Sequence[str]) -> Drawing:
    """A row for each outlet, in which a period with more articles is darker: of `period`, `outlet`, `count`."""
    shade = {
        "field": "count", "type": "quantitative", "legend": None,
        "scale": {"type": "sqrt", "domainMin": 0, "range": [0.08, 1]},
    }  # fmt: skip
    axis = {**AXIS, "domain": False, "ticks": False, "labelLimit": 130, "labelOverlap": False, "grid": True}
    y = {"field": "outlet", "type": "nominal", "sort": list(labels), "axis": axis}
    height = ROW * len(labels) + BELOW
    return _drawn(rows, "rect", {"x": _time(unit), "y": y, "opacity": shade, "color": COLOR}, height)


def line(rows: pl.DataFrame) -> Drawing:
    """A line of `count` at `moment`, in the order of these."""
    first, last = rows["moment"][0], rows["moment"][-1]
    axis = {**_time_axis("%d %b %H:%M" if last - first < timedelta(days=4) else "%d %b %Y"), "tickCount": 5}
    x = {"field": "moment", "type": "temporal", "scale": {"type": "utc"}, "axis": axis}
    mark = {"type": "line", "interpolate": "step-after", "point": True}
    return _drawn(rows, mark, {"x": x, "y": QUANTITY, "color": COLOR}, 150)


def _time_axis(written: str) -> dict[str, Any]:
    return {**AXIS, "grid": False, "format": written, "tickCount": 8}


def _time(unit: Unit) -> dict[str, Any]:
    return {"field": "period", "type": "temporal", "timeUnit": unit.vega, "axis": _time_axis(unit.axis)}


def _drawn(rows: pl.DataFrame, mark: str | dict[str, Any], encoding: dict[str, Any], height: int) -> Drawing:
    try:
        import vl_convert
    except ModuleNotFoundError:
        raise LibraryError(
            "charts need a library that is not installed", LIBRARY, "pip install 'pressmark[report]'"
        ) from None
    texts = rows.with_columns(pl.selectors.temporal().dt.to_string("iso:strict"))
    wide, narrow = (
        vl_convert.vegalite_to_svg(
            {
                "width": width, "height": height, "autosize": {"type": "fit", "contains": "padding"},
                "padding": {"left": 16, "right": 24, "top": 4, "bottom": 2},  # fonts of readers may be wider
                "data": {"values": texts.to_dicts()}, "mark": mark, "encoding": encoding, "config": CONFIG,
            },
            allowed_base_urls=[],
        )
        for width in WIDTHS
    )  # fmt: skip
    return Drawing(wide, narrow)

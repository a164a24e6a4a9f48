"""The report: one HTML file, without a script or network, that says what an output holds, what needs attention and what
changed. It keeps its figures in a meta element, by which the next report says what changed."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from pressmark.schemas import TABLES
from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.storage.dataset import Dataset
from pressmark.storage.errors import OutputError, SettingsError
from pressmark.storage.output.folder import PRIVATE, save
from pressmark.storage.output.store import Progress
from pressmark.storage.output.tables import Output
from pressmark.views.sections import SECTIONS, notices_of, read_output, sections_of, totals_of
from pressmark.views.showing import environment

__all__ = ["REPORT", "Written", "render", "write_report"]

REPORT: Final = "reports/report.html"
CSS: Final = Path(__file__).parent / "templates" / "report.css"
META: Final = "pressmark-report"
# Controls, marks that turn the direction of text, separators of lines, and characters that nothing shows.
UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


class Written(NamedTuple):
    """Where a report is, and how large."""

    address: str
    size: int


def write_report(output: str | Path, to: str | Path | None = None, progress: Progress = lambda *_: None) -> Written:
    """Write the report of an output to a file, by default `OUTPUT/reports/report.html`, replacing it whole. Raises
    `OutputError` where there is no output, or where the file can't be written or is not a report; `SettingsError` where
    it would lie in a table; `LibraryError` where charts can't be drawn."""
    place = Output(output)
    where = place.location(REPORT) if to is None else str(to)
    with _told(where):
        target = None if to is None else _target(place, Path(to))
        last = _last(place, target)
    with Dataset(output) as dataset:
        text = render(dataset, str(output), last, datetime.now(UTC), progress)
    content = text.encode()
    with _told(where):
        if target is None:
            place.store.write(REPORT, content)
        else:
            save(target, content)
    return Written(where, len(content))


@contextmanager
def _told(where: str) -> Iterator[None]:
    """The block, in which what the system refuses is told with a remedy."""
    try:
        yield
    except OSError as error:
        remedy = "name a file in a folder that you may write to with `--to`"
        raise OutputError(f"the report can't be written ({error.strerror or error})", where, remedy) from error


def _target(output: Output, to: Path) -> Path:
    target = Path(os.path.realpath(to))
    if target.is_dir():
        raise SettingsError("this is a folder", str(to), f"name a file in it, such as `{to / 'report.html'}`")
    if output.is_local:
        for name in (*TABLES, PRIVATE):
            if target.is_relative_to(os.path.realpath(output.root / name)):
                raise SettingsError(
                    "a report can't lie among an output's tables, where readers take every file for rows", str(to),
                    f"leave `--to` out for `{output.location(REPORT)}`, or name another place",
                )  # fmt: skip
    return target


def _last(output: Output, target: Path | None) -> dict[str, Any] | None:
    """The figures of the report that this one replaces, else of that in the output."""
    if target is not None and target.exists():
        found = _figures_in(target.read_bytes()) if target.is_file() else None
        if found is None:
            raise OutputError("there is something that is no report", target, "name another file, or remove this one")
        return found
    try:
        return _figures_in(output.store.read(REPORT))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        # Where something else is in the way, a report in another place is the first.
        return None


def _figures_in(content: bytes) -> dict[str, Any] | None:
    """The figures that a report keeps; None where this is none."""
    found = re.search(rf'<meta name="{META}" content="([^"]*)">'.encode(), content)
    try:
        kept: Any = json.loads(html.unescape(found[1].decode())) if found else None
    except ValueError:
        return None
    return kept if _is_kept(kept) and _is_kept(kept.get("before") or kept) else None


def _is_kept(kept: Any) -> bool:
    return (
        isinstance(kept, dict)
        and isinstance(kept.get("figures"), dict)
        and all(isinstance(number, int) for number in kept["figures"].values())
        and {"run_id", "made_at"} <= kept.keys()
    )


def render(
    dataset: Dataset, name: str, last: dict[str, Any] | None, made_at: datetime, progress: Progress = lambda *_: None
) -> str:
    """The report as HTML. `last` are the figures that the report before it keeps; where no run came in between, it is
    compared with what that one was compared with, so that a second report of an output says the same."""
    read = read_output(dataset)
    runs, totals = read.runs, totals_of(read)
    now = {"run_id": runs["run_id"].last(), "made_at": f"{made_at:%Y-%m-%d %H:%M}", "figures": totals}
    before = last.get("before") if last is not None and last["run_id"] == now["run_id"] else last
    if before is not None and before["run_id"] not in runs["run_id"]:
        before = None  # a report of another output
    if before is not None:
        before = {key: before[key] for key in ("run_id", "made_at", "figures")}
    sections = []
    for section in sections_of(read, totals, before):
        sections.append(section)
        progress("report", len(sections), SECTIONS)
    templates = environment().overlay(finalize=lambda shown: visible(shown) if type(shown) is str else shown)
    templates.filters["code"] = _code
    css = CSS.read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    dated = read.articles["published_at"].drop_nulls()
    return templates.get_template("report.html").render(
        name=os.path.basename(name.rstrip("/")) or name, place=name, made_at=now["made_at"],
        archives=runs["archive"].unique(maintain_order=True).to_list(), contract=CONTRACT_VERSION,
        run=runs.row(-1, named=True) if runs.height else None, css=Markup(css), digest=digest,  # noqa: S704
        kept=json.dumps({**now, "before": before}), figures=totals, notices=notices_of(read, totals),
        span=(dated.min(), dated.max()) if dated.len() else None, sections=sections,
    )  # fmt: skip


def _code(text: str) -> Markup:
    """Our own words, what stands between backticks as code."""
    parts = enumerate(visible(text).split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in parts)


def visible(text: str) -> str:
    """Text in which characters that a page would obey or hide are written out.

    >>> visible("a\\x1b[1m\\u202eb")
    'a\\\\x1b[1m\\\\u202eb'
    """
    return UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)

"""What people see of a run: how far it is, and figures as words: tables for people, lines for a log, rows for Prefect,
JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from pressmark.storage.auditing import Audit, Disagreed
    from pressmark.storage.queries import Doubt, OutletCount, RejectLine
    from pressmark.storage.runs import IngestPlan, RunReport
    from pressmark.storage.settings import IngestSettings
    from pressmark.storage.verification import Verification
    from pressmark.transforms.laws import Breach
    from pressmark.warehouses.loading import LoadPlan, LoadReport

__all__ = [
    "ProgressDisplay", "as_json", "audit_lines", "breach_table", "changes_line", "counted", "doubt_lines", "law_lines",
    "load_plan", "plan_line", "printable", "reject_table", "run_figures", "run_line", "table", "takes_long",
    "text_of_load", "text_of_load_plan", "text_of_run", "utc", "why_nothing_came",
]  # fmt: skip

# Of these no bytes were read.
WITHOUT_BYTES: Final = frozenset({"too_large", "unreadable"})
SHOWN_OTHERS: Final = 8
SHOWN_REJECTS: Final = 20
SHOWN_BREACHES: Final = 10
LAWS: Final = {1: "slice", 2: "text", 3: "order", 4: "conservation", 5: "completeness", 7: "media"}
CHANGES: Final = {
    "new": "new", "text": "revised in text", "markup": "revised in markup only", "deleted": "deleted",
    "redated": "re-dated",
}  # fmt: skip
OUTLET_HEAD: Final = ("outlet", "articles", "paragraphs", "months")
LOAD_HEAD: Final = ("table", "sent", "removed", "unchanged", "rows sent")


def as_json(value: object) -> str:
    """A value as one line of JSON; times as in RFC 3339, in UTC.

    >>> as_json({"at": datetime(2025, 3, 1, 12, tzinfo=UTC)})
    '{"at": "2025-03-01T12:00:00Z"}'
    """
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    return utc(value) if isinstance(value, datetime) else str(value)


def utc(moment: datetime) -> str:
    """A time as in RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def counted(count: int, noun: str) -> str:
    """A number of things in words.

    >>> counted(1, "run"), counted(2, "run")
    ('1 run', '2 runs')
    """
    return f"{count} {noun}" + ("" if count == 1 else "es" if noun.endswith("ch") else "s")


def run_line(report: RunReport) -> str:
    """The run's row in `runs`, in one line."""
    seconds = (report.finished_at - report.started_at).total_seconds()
    return (
        f"run {report.run_id} of {printable(report.archive)}: {counted(report.sources, 'source')}: "
        f"{report.unchanged} unchanged, {report.parsed} read ({report.parsed_bytes / 1e6:.1f} MB): "
        f"{counted(report.accepted, 'article')}, {report.rejected} rejected; "
        f"{report.deleted} deleted{_left_out(report.left_out)}. The output holds "
        f"{counted(report.articles, 'article')}, {counted(report.paragraphs, 'paragraph')}, {report.media} media, "
        f"{counted(report.revisions, 'superseded revision')}, {counted(report.rejects, 'reject')}. "
        f"{counted(report.partitions_written, 'file')} written ({report.output_bytes / 1e6:.1f} MB) in {seconds:.1f} s"
    )


def changes_line(changes: Sequence[Mapping[str, Any]]) -> str:
    """What a run changed, in all outlets, in one line."""
    return "articles: " + ", ".join(f"{sum(row[kind] for row in changes)} {words}" for kind, words in CHANGES.items())


def plan_line(plan: IngestPlan) -> str:
    """What was found and what there is to do, in one line."""
    rounds = f" in {plan.rounds} rounds" if plan.rounds > 1 else ""
    return (
        f"{printable(plan.archive)}: {counted(plan.sources, 'source')}: {plan.unchanged} unchanged, "
        f"{plan.to_parse} to read ({plan.to_parse_bytes / 1e6:.1f} MB){rounds}; "
        f"{plan.deleted} deleted{_left_out(plan.left_out)}"
    )


def _left_out(files: int) -> str:
    return f"; {counted(files, 'other file')} left out" if files else ""


def why_nothing_came(settings: IngestSettings, report: RunReport, outlets: Sequence[OutletCount]) -> str | None:
    """What is wrong, and what to do, where a run found no source or no article; None where it did."""
    if not report.sources and not report.deleted:
        selected = "no file or record of it is taken for a page" if report.left_out else "it holds no files"
        return (
            f"nothing was ingested from `{settings.source}`: {selected}; look at the path, --include and --exclude, "
            "and write articles in XML or CSV as JSON Lines"
        )
    if settings.outlets and not {outlet.outlet for outlet in outlets}.intersection(settings.outlets):
        return f"no article is from --outlet {', '.join(settings.outlets)}; see `pressmark explain FILE` for the slug"
    nothing_read = report.parsed == report.rejected > 0 and not report.unchanged
    if nothing_read or (report.rejects and not report.articles):
        return (
            f"every source of `{settings.source}` was rejected; see the reasons, try `pressmark explain FILE` on one "
            "of them, or leave out with --exclude what is no article"
        )
    return None


def doubt_lines(doubts: Sequence[Doubt]) -> list[str]:
    """What looks wrong, each with an example and the remedy."""
    return [
        f"{doubt.articles} of {doubt.of} articles {doubt.what}, such as {printable(doubt.example)}; {doubt.remedy}"
        for doubt in doubts
    ]


def text_of_run(
    report: RunReport, outlets: Sequence[OutletCount], rejects: Sequence[RejectLine], details: Mapping[str, Any]
) -> str:
    """The summary that ends a run: a table of outlets, totals, changes, the files that were left out by name, and the
    rejects with their reasons; `details` are the run's report."""
    lines = [table(OUTLET_HEAD, _outlet_rows(outlets)), "", changes_line(details["changes"]), run_line(report)]
    if others := details.get("left_out"):
        more = f" and {len(others) - SHOWN_OTHERS} more" if len(others) > SHOWN_OTHERS else ""
        lines += ["", f"left out: {', '.join(map(printable, others[:SHOWN_OTHERS]))}{more}"]
    if rejects:
        read = sum(reject.reason not in WITHOUT_BYTES for reject in rejects)
        whose = "its" if len(rejects) == 1 else "their"
        how = f"with {whose} bytes in `rejects`" if read == len(rejects) else f"in `rejects`, {read} with {whose} bytes"
        lines += ["", f"{counted(len(rejects), 'reject')}, kept {how}:"]
        # A history has the same source many times.
        alike = Counter(map(_reject, rejects)).most_common()
        shown = sorted(alike[:SHOWN_REJECTS])
        lines += [line + (f" ({count} revisions)" if count > 1 else "") for line, count in shown]
        if rest := len(rejects) - sum(count for _, count in shown):
            lines.append(f"  and {rest} more; `pressmark status` counts them by reason")
    return "\n".join(lines)


def _reject(reject: RejectLine) -> str:
    where = "" if reject.byte_offset is None else f" at byte {reject.byte_offset}"
    detail = (reject.detail.strip().splitlines() or [""])[-1]
    return f"  {printable(reject.source_path)}: {reject.reason}{where}: {printable(detail)}"


def _outlet_rows(outlets: Sequence[OutletCount]) -> list[tuple[object, ...]]:
    return [
        (o.outlet, o.articles, o.paragraphs, " to ".join(dict.fromkeys((o.first_month, o.last_month)))) for o in outlets
    ]


def run_figures(
    report: RunReport, outlets: Sequence[OutletCount], changes: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, object]]]:
    """The run's figures, the articles that changed and those that there are, as rows for table artifacts."""
    counts = (
        "sources", "unchanged", "accepted", "rejected", "deleted", "articles", "paragraphs", "media", "revisions",
        "rejects", "partitions_written", "parsed_bytes", "output_bytes",
    )  # fmt: skip
    seconds = (report.finished_at - report.started_at).total_seconds()
    return {
        "figures": [
            *({"figure": name.replace("_", " "), "value": getattr(report, name)} for name in counts),
            {"figure": "seconds", "value": round(seconds, 1)},
        ],
        "changes": [{"outlet": row["outlet"], **{CHANGES[kind]: row[kind] for kind in CHANGES}} for row in changes],
        "outlets": [dict(zip(OUTLET_HEAD, row, strict=True)) for row in _outlet_rows(outlets)],
    }


def reject_table(rejects: Sequence[RejectLine]) -> list[dict[str, object]]:
    """Rejects by reason, each with a count and the first source, for a table artifact."""
    counts = Counter(reject.reason for reject in rejects)
    first = {reject.reason: reject for reject in reversed(rejects)}
    return [
        {"reason": reason, "sources": count, "for example": _code(first[reason].source_path)}
        for reason, count in counts.most_common()
    ]


def text_of_load(report: LoadReport) -> str:
    """The summary that ends a load: a table of tables, and what was reconciled."""
    seconds = (report.finished_at - report.started_at).total_seconds()
    done = f"{report.destination} has everything already; nothing was sent"
    if report.changed:
        done = f"{report.changed} partitions reconciled by rows and checksum with {report.destination}"
    rows = [(t.table, t.loaded, t.removed, t.unchanged, t.rows) for t in report.tables]
    return f"{table(LOAD_HEAD, rows)}\n\n{done} in {seconds:.1f} s (load {report.load_id})"


def load_plan(plan: LoadPlan) -> dict[str, Any]:
    """What a load would do, as JSON has it."""
    return {
        "tables": [
            {
                "table": change.relation.name,
                "to_load": [part.partition for part in change.parts],
                "to_remove": list(change.gone),
                "unchanged": change.unchanged,
            }
            for change in plan.changes
        ],
        "tables_to_make": [relation.name for relation in plan.created],
        "columns_to_add": {name: [column.name for column in columns] for name, columns in plan.added.items()},
    }


def text_of_load_plan(plan: dict[str, Any], destination: str) -> str:
    """What a load would do, of what `load_plan` gives."""
    rows = [(t["table"], len(t["to_load"]), len(t["to_remove"]), t["unchanged"]) for t in plan["tables"]]
    lines = [table(("table", "to send", "to remove", "unchanged"), rows), ""]
    if plan["tables_to_make"]:
        lines.append(f"tables to make: {', '.join(plan['tables_to_make'])}")
    lines += [f"columns to add to {name}: {', '.join(columns)}" for name, columns in plan["columns_to_add"].items()]
    return "\n".join([*lines, f"nothing was changed in {destination}"])


def law_lines(found: Verification, *, breaches: bool = True) -> list[str]:
    """The first breaches of each law, where these are asked for, then each law with what was checked and its breaches,
    as lines."""
    lines: list[str] = []
    counts = Counter(breach.law for breach in found.breaches)
    shown = Counter[int]()
    for breach in found.breaches if breaches else ():
        shown[breach.law] += 1
        if shown[breach.law] > SHOWN_BREACHES:
            continue
        where = "" if breach.byte_offset is None else f", byte {breach.byte_offset}"
        broken = f"law {breach.law} ({LAWS[breach.law]})"
        lines.append(f"{broken}: {printable(breach.source_path)}{where}: {printable(breach.problem)}")
    if rest := sum(max(count - SHOWN_BREACHES, 0) for count in shown.values()):
        lines.append(f"and {counted(rest, 'breach')} more; `--json` has all")
    checked = [
        *[counted(found.paragraphs, "paragraph")] * 3, counted(found.articles, "article"),
        counted(found.sources, "source"), f"{found.media} media",
    ]  # fmt: skip
    return lines + [
        f"law {law}, {name}: {of} checked, {counted(counts[law], 'breach')}"
        for (law, name), of in zip(LAWS.items(), checked, strict=True)
    ]


def audit_lines(found: Audit) -> list[str]:
    """What differs by kind and column, each with an example, as a table; then what was looked at, as a line."""
    lines = []
    if found.disagreements:
        groups: dict[tuple[str, str], list[Disagreed]] = {}
        for one in found.disagreements:
            groups.setdefault((one.kind, one.column), []).append(one)
        rows = [
            (kind, column, len(group), len({one.article_id for one in group}), printable(group[0].source_path))
            for (kind, column), group in sorted(groups.items())
        ]
        lines = [table(("kind", "column", "disagreements", "articles", "such as"), rows), ""]
    articles = len({one.article_id for one in found.disagreements})
    none = "; none lies in this share: give a larger `--share`" if found.articles and not found.audited else ""
    return [
        *lines,
        f"audit {found.audit_id}: {found.audited} of {counted(found.articles, 'article')} derived again, "
        f"{counted(found.paragraphs, 'paragraph')} and {found.media} media; "
        f"{counted(len(found.disagreements), 'disagreement')} in {counted(articles, 'article')}{none}",
    ]


def breach_table(breaches: Sequence[Breach]) -> list[dict[str, object]]:
    """The first breaches, for a table artifact."""
    return [
        {"law": b.law, "source": _code(b.source_path), "byte": b.byte_offset, "problem": _code(b.problem)}
        for b in breaches[:SHOWN_REJECTS]
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with aligned columns; numbers to the right.

    >>> print(table(("outlet", "articles"), [("rfi", 6), ("voa", 12)]))
    outlet  articles
    ------  --------
    rfi            6
    voa           12
    """
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    cells.insert(1, ["-" * width for width in widths])
    numeric = [bool(rows) and all(isinstance(row[column], int) for row in rows) for column in range(len(head))]
    aligned = [str.rjust if right else str.ljust for right in numeric]
    return "\n".join(
        "  ".join(align(cell, width) for align, cell, width in zip(aligned, row, widths, strict=True)).rstrip()
        for row in cells
    )


def _code(text: str) -> str:
    """Text as a code span: Prefect renders the cells of a table as Markdown, and a file's name may hold tags."""
    return "`" + printable(text).replace("`", "'") + "`"


def printable(text: str) -> str:
    """Text without control characters, which a file's name may hold and a terminal would obey.

    >>> printable("a\\x1b[1m.md")
    'a\\\\x1b[1m.md'
    """
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


SECONDS_BETWEEN_LINES: Final = 2.0
SECONDS_BETWEEN_FRAMES: Final = 0.1


def takes_long(what: str) -> None:
    """Say what is done, where nothing can tell how much of it is done already."""
    print(f"{what} …", file=sys.stderr, flush=True)


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """Called with a step's name, how much is done and how much there is (0: unknown). Writes to standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int]] = {}
        self._shown_at = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        started_at, before = self._started.setdefault(step, (now, done))
        rate = (done - before) / (now - started_at) if done > before and now > started_at else 0.0
        on_terminal = self._stream.isatty()
        if on_terminal:
            self._update_bar(step, done, total, f"{rate:,.0f}/s" if rate else "")
        pause = SECONDS_BETWEEN_FRAMES if on_terminal else SECONDS_BETWEEN_LINES
        if now - self._shown_at < pause and not (on_terminal and done == total):
            return
        self._shown_at = now
        if self._bar is not None:
            self._bar.refresh()
        else:
            left = f", {(total - done) / rate:.0f} s left" if rate and total > done else ""
            of = f" of {total}" if total else ""
            print(f"{step} {done}{of}{f' ({rate:,.0f}/s{left})' if rate else ''}", file=self._stream, flush=True)

    def _update_bar(self, step: str, done: int, total: int, rate: str) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            # No refreshing thread: processes are started only while a run has no threads.
            self._bar = Progress(
                TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
                console=Console(file=self._stream), auto_refresh=False, transient=True,
            )  # fmt: skip
            self._bar.start()
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(step, total=total or None, rate="")
        self._bar.update(self._tasks[step], completed=done, total=total or None, rate=rate)

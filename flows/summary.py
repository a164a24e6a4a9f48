"""Figures as words: tables for people, lines for a log, Markdown for Prefect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pressmark.storage.ingestion import PlanCounts
    from pressmark.storage.overview import OutletCount, RejectLine
    from pressmark.storage.runs import RunReport
    from pressmark.storage.verification import Verification
    from pressmark.warehouses.loading import LoadPlan, LoadReport

__all__ = [
    "LAWS", "changes_line", "load_markdown", "markdown", "printable", "reject_table", "table", "text_of_load",
    "text_of_load_plan", "text_of_plan", "text_of_run", "verify_markdown",
]  # fmt: skip

SHOWN_REJECTS: Final = 20
LAWS: Final = {1: "slice", 2: "text", 3: "order", 4: "conservation", 5: "completeness"}
CHANGES: Final = {
    "new": "new", "text": "revised in text", "markup": "revised in markup only", "deleted": "deleted",
    "redated": "re-dated",
}  # fmt: skip


def text_of_run(
    report: RunReport,
    outlets: Sequence[OutletCount],
    rejects: Sequence[RejectLine],
    changes: Sequence[Mapping[str, Any]],
) -> str:
    """The summary that ends a run: a table of outlets, totals, changes, and the rejects with their reasons."""
    seconds = (report.finished_at - report.started_at).total_seconds()
    lines = [
        table(
            ("outlet", "articles", "paragraphs", "months"),
            [(o.outlet, o.articles, o.paragraphs, _months(o)) for o in outlets],
        ),
        "",
        f"{report.sources} sources: {report.unchanged} unchanged, {report.accepted} read as articles, "
        f"{report.rejected} rejected, {report.deleted} deleted{_left_out(report.left_out)}",
        changes_line(changes),
        f"{report.articles} articles, {report.paragraphs} paragraphs, {report.revisions} superseded revisions, "
        f"{report.rejects} rejects; {report.partitions_written} files written in {seconds:.1f} s (run {report.run_id})",
    ]
    if rejects:
        lines += ["", *_rejects(rejects)]
    return "\n".join(lines)


def changes_line(changes: Sequence[Mapping[str, Any]]) -> str:
    """What a run changed, in all outlets, in one line."""
    counts = (f"{sum(row[kind] for row in changes)} {words}" for kind, words in CHANGES.items())
    return f"articles: {', '.join(counts)}"


def text_of_plan(plan: PlanCounts) -> str:
    """What a run would do."""
    return (
        f"{plan.sources} sources: {plan.unchanged} unchanged, {plan.to_parse} to parse "
        f"({plan.to_parse_bytes / 1e6:.1f} MB), {plan.deleted} deleted{_left_out(plan.left_out)}; nothing was changed"
    )


def _left_out(files: int) -> str:
    return f"; {files} other files left out" if files else ""


LOAD_HEAD: Final = ("table", "sent", "removed", "unchanged", "rows sent")


def text_of_load(report: LoadReport) -> str:
    """The summary that ends a load: a table of tables, and what was reconciled."""
    seconds = (report.finished_at - report.started_at).total_seconds()
    rows = [(t.table, t.loaded, t.removed, t.unchanged, t.rows) for t in report.tables]
    said = (
        f"{report.changed} partitions reconciled by rows and checksum with {report.destination}"
        if report.changed
        else f"{report.destination} has everything already; nothing was sent"
    )
    return f"{table(LOAD_HEAD, rows)}\n\n{said} in {seconds:.1f} s (load {report.load_id})"


def text_of_load_plan(plan: LoadPlan, destination: str) -> str:
    """What a load would do."""
    rows = [(c.relation.name, len(c.parts), len(c.gone), plan.unchanged[c.relation.name]) for c in plan.changes]
    lines = [table(("table", "to send", "to remove", "unchanged"), rows), ""]
    if plan.created:
        lines.append(f"tables to make: {', '.join(relation.name for relation in plan.created)}")
    lines += [f"columns to add to {n}: {', '.join(c.name for c in columns)}" for n, columns in plan.added.items()]
    return "\n".join([*lines, f"nothing was changed in {destination}"])


def load_markdown(report: LoadReport) -> str:
    """A load's figures as a Markdown document."""
    seconds = (report.finished_at - report.started_at).total_seconds()
    return "\n\n".join([
        f"# Load {report.load_id}",
        f"{report.changed} partitions reconciled by rows and checksum with `{report.destination}` in {seconds:.1f} s",
        _markdown_table(LOAD_HEAD, [(t.table, t.loaded, t.removed, t.unchanged, t.rows) for t in report.tables]),
    ])  # fmt: skip


def verify_markdown(found: Verification) -> str:
    """What a verification found as a Markdown document: breaches by law, and the first of them."""
    checked = [("paragraphs", found.paragraphs)] * 3 + [("articles", found.articles), ("sources", found.sources)]
    rows = [
        (law, name, checked[law - 1][1], checked[law - 1][0], sum(breach.law == law for breach in found.breaches))
        for law, name in LAWS.items()
    ]
    shown = [(b.law, b.source_path, b.byte_offset, b.problem) for b in found.breaches[:SHOWN_REJECTS]]
    parts = ["# Laws", _markdown_table(("law", "name", "checked", "of", "breaches"), rows)]
    if shown:
        parts += ["## First breaches", _markdown_table(("law", "source", "byte", "problem"), shown)]
    return "\n\n".join(parts)


def markdown(report: RunReport, outlets: Sequence[OutletCount], changes: Sequence[Mapping[str, Any]]) -> str:
    """The run's figures and what it changed as a Markdown document."""
    seconds = (report.finished_at - report.started_at).total_seconds()
    figures = [
        ("sources", report.sources), ("unchanged", report.unchanged), ("accepted", report.accepted),
        ("rejected", report.rejected), ("deleted", report.deleted), ("articles", report.articles),
        ("paragraphs", report.paragraphs), ("superseded revisions", report.revisions), ("rejects", report.rejects),
        ("files written", report.partitions_written), ("MB read", f"{report.parsed_bytes / 1e6:.1f}"),
        ("MB written", f"{report.output_bytes / 1e6:.1f}"), ("seconds", f"{seconds:.1f}"),
    ]  # fmt: skip
    head = ("outlet", *CHANGES.values())
    changed = [(row["outlet"], *(row[kind] for kind in CHANGES)) for row in changes]
    return "\n\n".join([
        f"# Run {report.run_id}",
        _markdown_table(("figure", "value"), figures),
        "## Articles that changed",
        _markdown_table(head, changed) if changed else "None.",
        "## Articles that there are",
        _markdown_table(
            ("outlet", "articles", "paragraphs", "months"),
            [(o.outlet, o.articles, o.paragraphs, _months(o)) for o in outlets],
        ),
    ])  # fmt: skip


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    numeric = [bool(rows) and all(isinstance(row[column], int) for row in rows) for column in range(len(head))]
    lines = [head, ["---:" if right else "---" for right in numeric], *rows]
    return "\n".join("| " + " | ".join(_cell(str(cell)) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Text that stays in its cell and means nothing to Markdown, whatever a file's name holds."""
    return "".join("\\" + character if character in "|`*_[]<>\\" else character for character in printable(text))


def reject_table(rejects: Sequence[RejectLine]) -> list[dict[str, object]]:
    """Rejects by reason, each with a count and the first source, for a table artifact."""
    counts = Counter(reject.reason for reject in rejects)
    first = {reject.reason: reject for reject in reversed(rejects)}
    return [
        {"reason": reason, "sources": count, "for example": _code(first[reason].source_path)}
        for reason, count in counts.most_common()
    ]


def _code(text: str) -> str:
    """Text as a code span: Prefect renders the cells of a table as Markdown, and a file's name may hold tags."""
    return "`" + printable(text).replace("`", "'") + "`"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with aligned columns; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *cells]) for column in range(len(head))]
    numeric = [bool(rows) and all(isinstance(row[column], int) for row in rows) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, cells)])


def printable(text: str) -> str:
    """Text without control characters, which a file's name may hold and a terminal would obey."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _rejects(rejects: Sequence[RejectLine]) -> list[str]:
    lines = [f"{len(rejects)} rejects, kept with their bytes in `rejects`:"]
    for reject in rejects[:SHOWN_REJECTS]:
        where = "" if reject.byte_offset is None else f" at byte {reject.byte_offset}"
        detail = reject.detail.strip().splitlines()[-1]
        lines.append(f"  {printable(reject.source_path)}: {reject.reason}{where}: {printable(detail)}")
    if len(rejects) > SHOWN_REJECTS:
        lines.append(f"  and {len(rejects) - SHOWN_REJECTS} more; `pressmark status` counts them by reason")
    return lines


def _months(outlet: OutletCount) -> str:
    return (
        outlet.first_month
        if outlet.first_month == outlet.last_month
        else f"{outlet.first_month} to {outlet.last_month}"
    )

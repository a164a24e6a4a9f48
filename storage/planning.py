"""What a run decides of its settings before it looks at any source, and in which rounds it parses."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

import polars as pl

from pressmark.schemas.contract import Period
from pressmark.storage.errors import InputError, OutputError
from pressmark.storage.inputs.opening import InputAddress
from pressmark.storage.inputs.source import Input
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import RunReport, named_archive
from pressmark.storage.settings import READING_NAMES, IngestSettings, base_name

__all__ = ["Facts", "part_of", "rounds_of", "settled_facts", "what_is_missed"]

# What a run that is stopped may have to do again: about half a minute's work.
ROUND_BYTES: Final = 1 << 30
# So many sources that end at once, and are more than half of all, are worth a word.
MANY_GONE: Final = 10


class Facts(NamedTuple):
    """What a run has decided of its settings and asked of earlier runs. `read_before` is how the latest run over the
    archive read its sources; where it is now otherwise, they are `reread`."""

    address: InputAddress
    archive: str
    history: bool
    moves: bool
    deletes: bool
    partition: Period
    buckets: int
    arguments: dict[str, Any]
    seen_facts: str
    read_before: dict[str, Any]
    reread: bool


def settled_facts(
    settings: IngestSettings, output: Output, runs: list[RunReport], address: InputAddress, archive_input: Input
) -> Facts:
    """What a run decides of its settings; raises `OutputError` or `InputError` where they do not fit the output or the
    input."""
    archive = named_archive(output, runs, settings.archive, base_name(settings.source))
    last = next((run for run in runs if run.archive == archive), None)
    # A repository may be named in many ways, and its history is kept up by all of them.
    earlier = last if address.kind == "git" else None
    if settings.history and address.kind != "git":
        raise InputError(
            "only a git repository has a history", settings.source, "leave out `--history`, or name the repository"
        )
    history = settings.history or (earlier is not None and bool(earlier.argument("history")))
    moves = settings.moves or (earlier is not None and bool(earlier.argument("moves")))
    partition, buckets = _layout(settings, runs, output)
    deletes = archive_input.deletes if settings.sync is None else settings.sync
    arguments = settings.arguments(sync=deletes, history=history, moves=moves, partition=partition, buckets=buckets)
    facts = json.dumps([settings.source, arguments], sort_keys=True)
    arguments["archives"] = sorted({archive, *(run.archive for run in runs)})
    now = {name: arguments[name] for name in READING_NAMES}
    before = now if last is None else {name: last.argument(name) for name in READING_NAMES}
    return Facts(address, archive, history, moves, deletes, partition, buckets, arguments, facts, before, before != now)


def what_is_missed(standing: pl.DataFrame, known: pl.DataFrame, archive: str, output: Output) -> list[str]:
    """What to say of an input that has few of the sources that an output has of its archive. Raises `OutputError` where
    it has none: it is another, or is not there, as a disk that is not mounted."""
    last = known.filter(pl.col("valid_to").is_null()).select("source_path").unique()
    sources = last.height or known.height
    if not standing.join(known, on="source_path", how="semi").height:
        raise OutputError(
            f"this input has none of the {sources} sources that the output has of the archive `{archive}`",
            output.address,
            "look whether it is all there, as a disk that is not mounted; give another folder or --archive name to "
            "another archive, `--all-gone` to have them deleted, or `--no-sync` to keep them",
        )
    gone = last.join(standing, on="source_path", how="anti").height
    if gone < MANY_GONE or gone * 2 <= sources:
        return []
    return [
        f"{gone:,} of the {sources:,} sources that the output has of this archive are not in this input, and end: look "
        "whether it is all there; what comes back is ingested again"
    ]


def _layout(settings: IngestSettings, runs: list[RunReport], output: Output) -> tuple[Period, int]:
    """Period and buckets of the output; raises `OutputError` where it has others already."""
    if not runs:
        return settings.partition or "month", settings.buckets or 1
    partition: Period = runs[0].argument("partition") or runs[0].argument("partition_by") or "month"
    buckets: int = runs[0].argument("buckets") or 1
    for name, wanted, found in (("partition", settings.partition, partition), ("buckets", settings.buckets, buckets)):
        if wanted not in (None, found):
            raise OutputError(
                f"this output has `{name}` {found}, not {wanted}", output.address,
                f"leave out `--{name} {wanted}`, or ingest into another output",
            )  # fmt: skip
    return partition, buckets


def part_of(parse: pl.DataFrame, limit: int | None) -> pl.DataFrame:
    """What something published rests on, and of the other sources at most `limit`."""
    if limit is None:
        return parse
    return pl.concat([parse.filter(pl.col("required")), parse.filter(~pl.col("required")).head(limit)])


def rounds_of(parse: pl.DataFrame, *, streamed: bool) -> list[pl.DataFrame]:
    """The sources in the order in which they are parsed, in rounds; at least one."""
    if streamed:
        order = parse.sort(pl.col("locator").cast(pl.String).cast(pl.Int64))
    else:
        # What was committed together lies together in a repository.
        order = parse.sort(~pl.col("required"), "valid_from", "source_path", "locator", nulls_last=False)
    number = (order["source_bytes"].cum_sum() // ROUND_BYTES).rank("dense")
    parts = order.with_columns(round=number).partition_by("round", maintain_order=True, include_key=False)
    return parts or [order]

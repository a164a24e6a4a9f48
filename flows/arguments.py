"""Every command: its module, what it does, an example, and its arguments, many of which follow from
`storage/settings.py`."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from pressmark.storage.settings import Option, day_of, options

__all__ = ["COMMANDS", "SETTINGS", "SHELLS", "Argument", "Command"]

# More than an archive has of anything; what libraries count by holds more.
MOST: Final = 2**31 - 1
SHELLS: Final = ("bash", "zsh", "tcsh", "fish", "powershell")


class Argument:
    """An argument as `argparse` takes it, and the group in which help shows it."""

    def __init__(self, *names: str, group: str | None = None, **facts: Any) -> None:
        self.names, self.group, self.facts = names, group, facts


class Command(NamedTuple):
    """A command: its module in `flows/commands`, what it does, an example, and its arguments."""

    module: str
    what: str
    example: str
    arguments: tuple[Argument, ...]


def _whole(text: str, *, least: int = 1, most: int = MOST) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no whole number") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, not {number}")
    if number > most:
        raise argparse.ArgumentTypeError(f"must be at most {most}, not {number}")
    return number


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no number") from None
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, not {text}")
    return share


def _portion(text: str) -> float:
    share = _share(text)
    if not share:
        raise argparse.ArgumentTypeError("must be above 0")
    return share


def _moment(text: str) -> datetime:
    """A time; of a day, month or year its beginning."""
    try:
        day = len(text) <= len("2025-03-01")
        moment = datetime.combine(day_of(text, end=False), time()) if day else datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"`{text}` is no date or time; write 2025, 2025-03, 2025-03-01 or 2025-03-01T12:00Z"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _day(text: str, *, end: bool) -> date:
    """A day, where the text names no time: the first, or at the `end` the last one of a month or year."""
    try:
        return day_of(text, end=end) if len(text) <= len("2025-03-01") else _moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"`{text}` is no date; write 2025-03-01, 2025-03 or 2025") from error


FROM_DAY: Final = partial(_day, end=False)
TO_DAY: Final = partial(_day, end=True)


def _from_setting(option: Option) -> Argument:
    """The argument of a setting: inputs and outputs by their place, all else by a flag."""
    facts: dict[str, Any] = {"default": option.default, "help": option.help, "group": option.group}
    if option.name in ("source", "output"):
        return Argument(option.name, nargs="?", **facts)
    facts["dest"] = option.name
    kind = option.type.partition(" ")[0]
    if kind == "bool":
        facts["action"] = "store_true" if option.default is False else argparse.BooleanOptionalAction
        return Argument(option.flag, **facts)
    if kind.startswith("tuple"):
        facts |= {"action": "append", "default": None}
    types = {"int": _whole, "datetime": _moment}
    return Argument(option.flag, type=types.get(kind), metavar=option.metavar, choices=option.choices, **facts)


SETTINGS: Final = {option.name: _from_setting(option) for option in options()}
OUTPUT: Final = SETTINGS["output"]
NAMED_OUTPUT: Final = Argument("output", help=OUTPUT.facts["help"].removesuffix(" [output]"))
SOURCE: Final = Argument("source", nargs="?", help="the input that was ingested [that of the latest run]")
JSON: Final = Argument("--json", action="store_true", help="print the result as JSON, errors too")
DRY_RUN: Final = Argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
FLOW: Final = Argument(
    "--flow", action="store_true",
    help="run as a recorded Prefect flow, on the server of PREFECT_API_URL or on a local one that is started for the "
    "run; without this flag a flow is run where PREFECT_API_URL is set",
)  # fmt: skip


def _archive(which: str) -> Argument:
    return Argument("--archive", metavar="NAME", help=f"only this archive of the output [{which}]")


def _destination(what: str, without: str) -> Argument:
    return Argument(
        "destination", nargs="?", default=os.environ.get("PRESSMARK_DESTINATION"),
        help=f"{what}: `duckdb:news.duckdb`, `postgresql://user@host/database` or `iceberg:folder` [that of "
        f"PRESSMARK_DESTINATION, which keeps a password out of the list of processes{without}]",
    )  # fmt: skip


CHANGED: Final = (
    Argument("--since", type=FROM_DAY, metavar="TIME", help="on this day, at this time, or later"),
    Argument("--until", type=TO_DAY, metavar="TIME", help="at this time, on this day, or before"),
    Argument("--about", metavar="QUERY", help="only where title or text have this, as `pressmark search` finds it"),
)
PUBLISHED: Final = (
    Argument("--since", type=FROM_DAY, metavar="TIME", help="published on this day, at this time, or later"),
    Argument("--until", type=TO_DAY, metavar="TIME", help="published at this time, on this day, or before"),
)
EXPORT: Final = (
    Argument("--to", type=Path, metavar="FOLDER", required=True, help="a new folder, of this machine"),
    Argument("--format", choices=("csv", "jsonl", "sqlite", "parquet"), required=True, help="of the files"),
    Argument("--outlet", action="append", metavar="SLUG", help="only rows of this outlet; may be repeated"),
    *PUBLISHED,
    Argument("--defuse", action="store_true", help="csv: ' before cells that spreadsheets compute; a byte order mark"),
    Argument("--force", action="store_true", help="replace an export that is there"),
)  # fmt: skip


COMMANDS: Final = {
    "init": Command(
        "starting", "look at an archive, say what is understood of it, and write pressmark.toml beside it",
        "pressmark init archive",
        (
            Argument("source", help="the archive, as in `pressmark ingest`"), SETTINGS["include"],
            Argument("--force", action="store_true", help="write over a pressmark.toml that is there"), DRY_RUN, JSON,
        ),
    ),
    "ingest": Command(
        "running", "ingest an archive into an output folder", "pressmark ingest archive output --workers 4",
        (
            *SETTINGS.values(), FLOW, DRY_RUN,
            Argument("--strict", action="store_true", help="exit with 1 where the output holds rejects"),
            Argument(
                "--max-reject-share", type=_share, metavar="X",
                help="exit with 1 where more than this share of the sources are rejects, as 0.05",
            ),
            Argument("--report", action="store_true", help="write the report for people, too; a flow does so anyway"),
            JSON,
        ),
    ),
    "verify": Command(
        "reading", "re-read the sources and check the laws on every row", "pressmark verify output archive",
        (
            OUTPUT, SOURCE, _archive("all"), SETTINGS["workers"],
            Argument(
                "--independent", action="store_true",
                help="cut slices again for law 1 by a second implementation; needs pressmark[audit]",
            ), JSON,
        ),
    ),
    "audit": Command(
        "checking", "derive a share of the articles again by a second implementation, and keep what differs in the "
        "table `audits`; needs pressmark[audit]",
        "pressmark audit output archive --share 0.02",
        (
            OUTPUT, SOURCE, _archive("all"),
            Argument(
                "--share", type=_portion, default=0.02, metavar="X",
                help="of the sources to look at, above 0 and at most 1; the next audit goes on behind them [0.02]",
            ), SETTINGS["workers"], JSON,
        ),
    ),
    "trace": Command(
        "reading", "show a paragraph and the exact bytes it came from",
        "pressmark trace 0123456789abcdef0123456789abcdef-0002 output archive --hexdump",
        (
            Argument("paragraph_id", help="as in the column `paragraph_id`"), OUTPUT, SOURCE,
            _archive("that of the paragraph"),
            Argument("--hexdump", action="store_true", help="show the bytes in hexadecimal as well"),
            Argument(
                "--context", type=partial(_whole, least=0), default=80, metavar="N",
                help="bytes to show before and after [80]"
            ),
            JSON,
        ),
    ),
    "cite": Command(
        "checking", "write a citation of a paragraph, which anybody can check without the output",
        "pressmark cite 0123456789abcdef0123456789abcdef-0002 output archive --to citation.json",
        (
            Argument("paragraph_id", help="as in the column `paragraph_id`"), NAMED_OUTPUT,
            Argument("source", nargs="?", help="the input that was ingested, to cite its bytes too [without them]"),
            Argument("--to", type=Path, metavar="FILE", help="the file to write [PARAGRAPH_ID.json]"),
        ),
    ),
    "check": Command(
        "checking", "check a citation, without its output and without a network",
        "pressmark check citation.json --source archive/2020/article.md",
        (
            Argument("citation", type=Path, help="the file that `pressmark cite` wrote"),
            Argument("--source", type=Path, metavar="FILE", help="the cited source; of a record, its decoded payload"),
            Argument("--root", metavar="HEX", help="a root that you trust, as in the table `runs`"),
            Argument("--signed", type=Path, metavar="FOLDER", help="what `pressmark sign` wrote of the root"),
            Argument("--key", type=Path, metavar="FILE", help="the signer's public key (Ed25519, PEM)"),
            Argument("--authority", type=Path, metavar="FILE", help="certificate of the time stamps' authority (PEM)"),
            JSON,
        ),
    ),
    "sign": Command(
        "checking", "sign the root over all rows, and have it time-stamped, for whoever checks citations; needs "
        "pressmark[sign]",
        "pressmark sign output --key key.pem --to signed --authority https://stamps.example/tsr",
        (
            NAMED_OUTPUT,
            Argument("--key", type=Path, metavar="FILE", required=True, help="a private key (Ed25519, PEM)"),
            Argument("--to", type=Path, metavar="FOLDER", required=True, help="a new folder for the signed root"),
            Argument("--authority", metavar="URL", help="ask this authority for a time stamp (RFC 3161) [none]"),
        ),
    ),
    "status": Command(
        "reading", "count articles per outlet and month, and rejects by reason", "pressmark status output",
        (OUTPUT, _archive("all"), JSON),
    ),
    "explain": Command(
        "reading", "show a source block by block: role, evidence, bytes and dates",
        "pressmark explain archive/2020/article.md",
        (
            Argument("source_file", type=Path, help="one file of an archive; a pressmark.toml above it is read"),
            SETTINGS["max_source_mib"], SETTINGS["encoding"], SETTINGS["markup"], JSON,
        ),
    ),
    "asof": Command(
        "reading", "show the articles that an archive held at a moment; needs an output with `--history`",
        "pressmark asof output 2025-03-01T12:00:00Z",
        (
            NAMED_OUTPUT,
            Argument("time", type=_moment, help="date or time as in ISO 8601; UTC where it names no zone"),
            Argument("--to", type=Path, metavar="FILE", help="write all of them, with their texts, as Parquet"),
            Argument("--limit", type=_whole, default=20, metavar="N", help="articles to print [20]"),
            Argument("--json", action="store_true", help="print all of them, with their texts, as JSON lines"),
        ),
    ),
    "diff": Command(
        "reading", "show what a revision of an article changed, paragraph by paragraph",
        "pressmark diff 0123456789abcdef0123456789abcdef output",
        (
            Argument("article_id", help="as in the column `article_id`"), OUTPUT,
            Argument(
                "--revisions", nargs=2, type=_whole, metavar=("N", "M"),
                help="the two to compare, as `--list` numbers them [the latest two whose texts differ]",
            ),
            Argument("--list", action="store_true", help="only list the article's revisions"),
            Argument("--all", action="store_true", help="show unchanged paragraphs as well"), JSON,
        ),
    ),
    "report": Command(
        "showing", "write one HTML page that shows what an output holds, what changed, and what needs a look",
        "pressmark report output --to report.html",
        (
            OUTPUT, Argument("--to", metavar="FILE", help="where to write it [report.html in the output's `reports`]"),
        ),
    ),
    "browse": Command(
        "showing", "show an output to people: search, articles beside their bytes, revisions, rejects, as pages on "
        "this machine",
        "pressmark browse output archive",
        (
            OUTPUT, SOURCE,
            Argument(
                "--port", type=partial(_whole, most=65535), metavar="N",
                help="the port of 127.0.0.1 to serve at [a free one]"
            ),
            Argument(
                "--static", type=Path, metavar="FOLDER",
                help="write the pages into a new folder instead, for any web server or for opening from a disk",
            ),
        ),
    ),
    "clusters": Command(
        "searching", "list the largest clusters of copied articles or blocks, and who was first",
        "pressmark clusters output --to clusters.parquet",
        (
            NAMED_OUTPUT,
            Argument("--of", metavar="ID", help="only clusters of this article, block or cluster, with all members"),
            Argument("--level", choices=("article", "paragraph"), default="article", help="what to list [article]"),
            Argument("--across", action="store_true", help="only clusters of more than one outlet"),
            Argument("--to", type=Path, metavar="FILE", help="write every member of every cluster as Parquet"),
            Argument("--keep", action="store_true", help="keep them, and let each ingest bring them up to date"),
            Argument("--limit", type=_whole, default=20, metavar="N", help="clusters to print [20]"),
            Argument("--json", action="store_true", help="print the members as JSON lines"),
        ),
    ),
    "compare": Command(
        "searching", "say which rows of an output differ from those of an earlier copy or moment, in what, and why",
        "pressmark compare output@20261129T060000Z-1f2e3d output",
        (
            Argument("old", help="folder or address of an output, or OUTPUT@RUN: its moment after the latest run "
                     "or one that `keep` kept"),
            Argument("new", help="another one"),
            Argument("--limit", type=_whole, default=20, metavar="N", help="rows to print [20]"),
            Argument("--json", action="store_true", help="print all of them as JSON lines"),
        ),
    ),
    "keep": Command(
        "searching", "keep an output as it is, as OUTPUT@RUN, whatever later runs change",
        "pressmark keep output",
        (
            OUTPUT, Argument("--list", action="store_true", help="only list the moments that are kept"),
            Argument("--drop", metavar="RUN", help="let go of the moment of this run"), JSON,
        ),
    ),
    "search": Command(
        "searching", "show the blocks whose text holds words or phrases, the newest first",
        "pressmark search '高超音速 (导弹 OR \"glide vehicle\") -演习' output",
        (
            Argument("query", help='words and "phrases", with AND, OR, NOT or -, and parentheses; * finds all'), OUTPUT,
            Argument("--outlet", metavar="NAME", help="only this outlet [all]"),
            Argument("--role", help="only blocks of this role, such as heading or quote [all]"),
            *PUBLISHED,
            Argument("--current", action="store_true", help="leave out superseded and deleted revisions"),
            Argument("--limit", type=_whole, metavar="N", help="blocks to give [20; all with --json]"),
            Argument("--json", action="store_true", help="print them as JSON lines, and errors as JSON"),
        ),
    ),
    "index": Command(
        "searching", "make an index that searches are fast by, and that each ingest then keeps up to date",
        "pressmark index output", (OUTPUT, JSON),
    ),
    "export": Command(
        "showing", "write the tables of an output as one file each, for programs that read no folders",
        "pressmark export output --to news-csv --format csv --outlet rfi", (NAMED_OUTPUT, *EXPORT, JSON),
    ),
    "describe": Command(
        "showing", "write what an output is beside its tables", "pressmark describe output", (NAMED_OUTPUT, JSON)
    ),
    "changes": Command(
        "changing", "show what revisions changed, as a newspaper of corrections: by day, outlet and article",
        "pressmark changes output --outlet rfi --since 2025-03-01 --what numbers",
        (
            OUTPUT, SOURCE, Argument("--outlet", metavar="NAME", help="only this outlet [all]"),
            *CHANGED, Argument(
                "--what", choices=("numbers", "names", "quotation", "wording", "markup"),
                help="only where this differs [all but markup, white space and page furniture; all with --json]",
            ),
            Argument("--json", action="store_true", help="print them as JSON lines, and errors as JSON"),
        ),
    ),
    "removals": Command(
        "changing", "list what left the archive, or is said to be removed: when, why, and where its last bytes are",
        "pressmark removals output --outlet rfi",
        (
            OUTPUT, SOURCE, Argument("--outlet", metavar="NAME", help="only this outlet [all]"), *CHANGED,
            Argument("--carried", action="store_true", help="say which other articles still carry each text"),
            Argument("--json", action="store_true", help="print them, with the last texts, as JSON lines"),
        ),
    ),
    "forget": Command(
        "changing", "take an article out of an output for good, and keep no more than a row that says so and why; "
        "without --yes, say what that would remove",
        "pressmark forget 0123456789abcdef0123456789abcdef output --reason 'asked for by its author' --yes",
        (
            Argument("article_id", help="as in the column `article_id`"), NAMED_OUTPUT,
            Argument("--reason", metavar="TEXT", required=True, help="why: it is kept in `rejects`"),
            Argument("--yes", action="store_true", help="do it [only say what would be done]"), JSON,
        ),
    ),
    "load": Command(
        "running", "load what changed in an output into a database or table format, and prove that it arrived",
        "pressmark load output duckdb:news.duckdb",
        (
            NAMED_OUTPUT, _destination("where to load", ""), FLOW,
            Argument("--full", action="store_true", help="send all partitions again, changed or not"), DRY_RUN, JSON,
        ),
    ),
    "ddl": Command(
        "running", "print the statements that make and fill the tables of a warehouse in its dialect",
        "pressmark ddl --dialect bigquery",
        (
            Argument(
                "--dialect", required=True, choices=("bigquery", "snowflake", "redshift", "clickhouse"),
                help="of the warehouse",
            ),
            Argument(
                "--location", metavar="URL",
                help="where the warehouse finds the output's files, such as gs://bucket/output [a place to fill in]",
            ),
        ),
    ),
    "serve": Command(
        "running", "serve scheduled ingests, loads and verifications on a Prefect server",
        "pressmark serve archive output duckdb:news.duckdb --cron '15 * * * *'",
        (
            Argument("source", help="where the articles are, as in `pressmark ingest`"), NAMED_OUTPUT,
            _destination("where to load after an ingest that changed something", "; without either nothing is loaded"),
            Argument("--cron", default="0 * * * *", help="when to ingest, in UTC [`0 * * * *`, hourly]"),
            Argument(
                "--interval", type=_whole, metavar="S", help="ingest every S seconds instead of by --cron"
            ),
            Argument(
                "--verify-cron", default="30 3 * * *", help="when to verify, in UTC [`30 3 * * *`, nightly]"
            ),
            *(argument for name, argument in SETTINGS.items() if name not in ("source", "output")),
        ),
    ),
    "doctor": Command(
        "checking", "look at this machine, an output, a destination and the schedule, and say what to do",
        "pressmark doctor output --fix",
        (
            OUTPUT, _destination("also look whether it can be loaded", "; without either none is looked at"),
            Argument("--fix", action="store_true", help="complete and clear what stopped runs left"),
            Argument("--forgotten", metavar="ARTICLE_ID", help="also look for this forgotten article in every file"),
            Argument("--source", metavar="ARCHIVE", help="the input to read its text from [that of the latest run]"),
            JSON,
        ),
    ),
    "completion": Command(
        "reading", "print a script that completes commands, options and paths in a shell",
        'eval "$(pressmark completion bash)"',
        (Argument("shell", choices=SHELLS, help="the shell to complete in: " + ", ".join(SHELLS)),),
    ),
}  # fmt: skip

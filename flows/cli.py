"""The command line: arguments in, one command, an exit code out.

Commands are imported when they are called, so that `pressmark --help` and a plain `ingest` start at once.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, NoReturn

from pressmark.flows.early import early_workers

__all__ = ["build_parser", "main", "script"]

EXIT_OK: Final = 0
EXIT_REJECTS: Final = 1
EXIT_USAGE: Final = 2
EXIT_FAILED: Final = 3

EXIT_CODES: Final = """\
exit codes:
  0  all well
  1  `ingest --strict`: finished with rejects; `verify`: a law does not hold; `explain`: the source is a reject
  2  the arguments are wrong
  3  could not run; the message says why and what to do
"""
MIB: Final = 1 << 20
OUTPUT_HELP: Final = "folder of the dataset, or s3://bucket/prefix (gs://, az://) [output]"
SHELLS: Final = ("bash", "zsh", "tcsh", "fish", "powershell")

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # its only name


def script() -> NoReturn:
    """The program `pressmark`: runs a command and exits with its code."""
    # Arrow reads this when it is loaded. Where it reads and writes files it asks for no other pool, and its own choice
    # keeps what was freed: 20 to 30 MB in each process.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    code = main()
    # Searched for garbage once more, what is left would take a tenth of a short command's time. DuckDB reports what is
    # not collected.
    if "duckdb" not in sys.modules:
        gc.freeze()
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    arguments = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.ExitStack() as ending:
        if arguments.command == "ingest":
            arguments.early = early_workers(arguments, ending)
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    command = _imported(arguments.command)
    # Errors are defined beside what raises them; importing them here would cost every start.
    from pressmark.storage.errors import PressmarkError

    try:
        return int(command.run(arguments))
    except PressmarkError as error:
        print(f"pressmark: {error}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        where = f": `{error.filename}`" if error.filename else ""
        print(f"pressmark: {error.strerror or error}{where}; mend that and run again", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("pressmark: stopped; what was there is as it was, or complete after the next run", file=sys.stderr)
        return EXIT_FAILED


def _imported(name: str) -> ModuleType:
    # Modules stay: looking for garbage among them only takes time.
    gc.disable()
    try:
        return importlib.import_module(f"pressmark.flows.commands.{name}")
    finally:
        gc.enable()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="pressmark",
        description="Turn an archive of scraped news articles into a partitioned Parquet dataset.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _ingest(commands)
    _verify(commands)
    _trace(commands)
    _status(commands)
    _explain(commands)
    _asof(commands)
    _diff(commands)
    _load(commands)
    _ddl(commands)
    _serve(commands)
    _completion(commands)
    return parser


def _command(commands: Commands, name: str, what: str, example: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        epilog=f"example:\n  {example}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _ingest(commands: Commands) -> None:
    parser = _command(
        commands, "ingest", "ingest an archive into an output folder", "pressmark ingest archive output --workers 4"
    )
    parser.add_argument(
        "source", nargs="?", default="seeds",
        help="folder or file with the articles, a git repository (its folder, or git+file:///path[@ref][#subdir]), a"
        " .tar, .tar.gz, .tar.zst or .zip, or s3://bucket/prefix (gs://, az://) [seeds]",
    )  # fmt: skip
    parser.add_argument("output", nargs="?", type=_place, default=Path("output"), help=OUTPUT_HELP)
    parser.add_argument(
        "--flow", action="store_true",
        help="run as a recorded Prefect flow, on the server of PREFECT_API_URL or on a local one that is started for "
        "the run; without this flag a flow is run where PREFECT_API_URL is set",
    )  # fmt: skip
    _add_workers(parser)
    _add_selection(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where the output holds rejects")
    parser.add_argument("--json", action="store_true", help="print the run's figures as one JSON object")
    _add_limit(parser)
    parser.add_argument(
        "--max-ratio", type=_positive, default=200, metavar="N",
        help="refuse what unpacks to more than N times its size [200]",
    )  # fmt: skip
    parser.add_argument(
        "--max-unpacked-gib", type=_positive, default=64, metavar="N",
        help="refuse archives that unpack to more than N GiB [64]",
    )  # fmt: skip
    _add_scale(parser)


def _verify(commands: Commands) -> None:
    parser = _command(
        commands, "verify", "re-read the sources and check the laws on every row", "pressmark verify output archive"
    )
    _add_output(parser)
    _add_source(parser)
    _add_workers(parser)
    parser.add_argument("--json", action="store_true", help="print figures and breaches as one JSON object")


def _trace(commands: Commands) -> None:
    parser = _command(
        commands, "trace", "show a paragraph and the exact bytes it came from",
        "pressmark trace 0123456789abcdef0123456789abcdef-0002 output archive --hexdump",
    )  # fmt: skip
    parser.add_argument("paragraph_id", help="as in the column `paragraph_id`")
    _add_output(parser)
    _add_source(parser)
    parser.add_argument("--hexdump", action="store_true", help="show the bytes in hexadecimal as well")
    parser.add_argument("--context", type=int, default=80, metavar="N", help="bytes to show before and after [80]")
    parser.add_argument("--json", action="store_true", help="print row, article and bytes as one JSON object")


def _status(commands: Commands) -> None:
    parser = _command(
        commands, "status", "count articles per outlet and month, and rejects by reason", "pressmark status output"
    )
    _add_output(parser)
    parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")


def _explain(commands: Commands) -> None:
    parser = _command(
        commands, "explain", "show a source block by block: role, evidence, bytes and dates",
        "pressmark explain archive/2020/article.md",
    )  # fmt: skip
    parser.add_argument("source_file", type=Path, help="one file of an archive")
    _add_limit(parser)
    parser.add_argument("--json", action="store_true", help="print the same as one JSON object")


def _asof(commands: Commands) -> None:
    parser = _command(
        commands, "asof", "show the articles as they stood at a moment, of an output with `--history`",
        "pressmark asof output 2025-03-01T12:00:00Z",
    )  # fmt: skip
    parser.add_argument("output", type=_place, help=OUTPUT_HELP.removesuffix(" [output]"))
    parser.add_argument("time", type=_moment, help="date or time as in ISO 8601; UTC where it names no zone")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write all of them, with their texts, as Parquet")
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="articles to print [20]")
    parser.add_argument("--json", action="store_true", help="print all of them, with their texts, as JSON lines")


def _diff(commands: Commands) -> None:
    parser = _command(
        commands, "diff", "show what a revision of an article changed, paragraph by paragraph",
        "pressmark diff 0123456789abcdef0123456789abcdef output",
    )  # fmt: skip
    parser.add_argument("article_id", help="as in the column `article_id`")
    _add_output(parser)
    parser.add_argument(
        "--revisions", nargs=2, type=_positive, metavar=("N", "M"),
        help="the two to compare, as `--list` numbers them [the latest two whose texts differ]",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="only list the article's revisions")
    parser.add_argument("--all", action="store_true", help="show unchanged paragraphs as well")
    parser.add_argument("--json", action="store_true", help="print the paragraphs as one JSON array")


def _load(commands: Commands) -> None:
    parser = _command(
        commands, "load", "load what changed in an output into a database or table format, and prove that it arrived",
        "pressmark load output duckdb:///news.duckdb",
    )  # fmt: skip
    parser.add_argument("output", type=_place, help=OUTPUT_HELP.removesuffix(" [output]"))
    parser.add_argument(
        "destination", nargs="?", default=os.environ.get("PRESSMARK_DESTINATION"),
        help="`duckdb:///news.duckdb`, `postgresql://user@host/database` or `iceberg:///folder` "
        "[that of PRESSMARK_DESTINATION, which keeps a password out of the list of processes]",
    )  # fmt: skip
    parser.add_argument(
        "--flow", action="store_true",
        help="run as a recorded Prefect flow; without this flag a flow is run where PREFECT_API_URL is set",
    )  # fmt: skip
    parser.add_argument("--full", action="store_true", help="send all partitions again, changed or not")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent, and change nothing")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")


def _serve(commands: Commands) -> None:
    parser = _command(
        commands, "serve", "serve scheduled ingests, loads and verifications on a Prefect server",
        "pressmark serve archive output duckdb:///news.duckdb --cron '15 * * * *'",
    )  # fmt: skip
    parser.add_argument("source", help="where the articles are, as in `pressmark ingest`")
    parser.add_argument("output", type=_place, help=OUTPUT_HELP.removesuffix(" [output]"))
    parser.add_argument(
        "destination", nargs="?", default=os.environ.get("PRESSMARK_DESTINATION"),
        help="where to load after each ingest that changed something, as in `pressmark load` [that of "
        "PRESSMARK_DESTINATION; without either nothing is loaded]",
    )  # fmt: skip
    parser.add_argument("--cron", default="0 * * * *", help="when to ingest, in UTC [`0 * * * *`, hourly]")
    parser.add_argument("--interval", type=_positive, metavar="S", help="ingest every S seconds instead of by --cron")
    parser.add_argument("--verify-cron", default="30 3 * * *", help="when to verify, in UTC [`30 3 * * *`, nightly]")
    _add_selection(parser)
    _add_workers(parser)


def _ddl(commands: Commands) -> None:
    parser = _command(
        commands, "ddl", "print the statements that make and fill the tables of a warehouse in its dialect",
        "pressmark ddl --dialect bigquery",
    )  # fmt: skip
    parser.add_argument(
        "--dialect", required=True, choices=("bigquery", "snowflake", "redshift", "clickhouse"), help="of the warehouse"
    )
    parser.add_argument(
        "--location", metavar="URL",
        help="where the warehouse finds the output's files, such as gs://bucket/output [a place to fill in]",
    )  # fmt: skip


def _completion(commands: Commands) -> None:
    parser = _command(
        commands, "completion", "print a script that completes commands, options and paths in a shell",
        'eval "$(pressmark completion bash)"',
    )  # fmt: skip
    parser.add_argument("shell", choices=SHELLS, help="the shell to complete in: " + ", ".join(SHELLS))


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", nargs="?", type=_place, default=Path("output"), help=OUTPUT_HELP)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="?", help="the input that was ingested [that of the latest run]")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--include", action="append", default=[], metavar="GLOB",
        help="take only files that match, as `*.md` or `rfi/**`; may be repeated [all but README, index pages, images, "
        "scripts and the like; hidden files never]",
    )  # fmt: skip
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="leave out files that match; may be repeated"
    )
    parser.add_argument(
        "--history", action="store_true",
        help="also read every revision that was ever committed to the git repository; kept up by later runs",
    )  # fmt: skip
    parser.add_argument(
        "--sync", action=argparse.BooleanOptionalAction, default=None,
        help="treat sources that are absent as deleted [only for a git repository]",
    )  # fmt: skip


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=_positive, default=os.cpu_count() or 1, metavar="N", help="processes [cores]")


def _add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-source-mib", type=_positive, default=16, metavar="N", help="reject sources above N MiB [16]"
    )


def _place(text: str) -> Path | str:
    return text if "://" in text else Path(text)


def _add_scale(parser: argparse.ArgumentParser) -> None:
    part = parser.add_argument_group("a part of the archive (what is published already stays and is kept up)")
    part.add_argument("--limit", type=_positive, metavar="N", help="parse at most N new sources")
    part.add_argument(
        "--since", type=_moment, metavar="TIME", help="of new sources take only articles published then or later"
    )
    part.add_argument(
        "--outlet", action="append", default=[], metavar="SLUG",
        help="of new sources take only this outlet's articles; may be repeated",
    )  # fmt: skip
    scale = parser.add_argument_group("size")
    scale.add_argument(
        "--partition", choices=("month", "day", "year"),
        help="what the tables' folders are cut by; fixed by an output's first run [month]",
    )  # fmt: skip
    scale.add_argument(
        "--max-part-mib", type=_positive, default=256, metavar="N",
        help="a partition with more than N MiB before compression has several part files [256]",
    )  # fmt: skip
    scale.add_argument("--dask", metavar="ADDRESS", help="work on the workers of the Dask scheduler at tcp://host:8786")
    scale.add_argument(
        "--single-writer", action="store_true",
        help="for an object store that can't write on a condition: no other run writes to this output",
    )  # fmt: skip


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"`{text}` is no date or time; write 2025-03-01 or 2025-03-01T12:00Z"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Version(argparse.Action):
    """Prints the version; looked up only when asked for, as that takes a while."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"pressmark {version('pressmark')}\n")


if __name__ == "__main__":
    script()

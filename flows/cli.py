"""The command line: arguments in, one command, an exit code out.

What `pressmark ingest` and `pressmark serve` take follows from `storage/settings.py`. A command's module is imported
when it is called, so that `pressmark --help` starts at once.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import errno
import importlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import pressmark
from pressmark.storage.errors import PressmarkError, SettingsError
from pressmark.storage.settings import IngestSettings, Option, options

__all__ = [
    "COMMANDS", "EXIT_FAILED", "EXIT_NOTHING", "EXIT_OK", "EXIT_USAGE", "SETTINGS", "SHELLS", "UsageError",
    "build_parser", "main", "script", "settings_of",
]  # fmt: skip

EXIT_OK: Final = 0
EXIT_NOTHING: Final = 1
EXIT_USAGE: Final = 2
EXIT_FAILED: Final = 3

EXIT_CODES: Final = """\
exit codes:
  0  all well
  1  `ingest`: no source was found, or every one was rejected; with --strict: there are rejects,
     with --max-reject-share: more than that;
     `verify`: a law does not hold; `audit`: something differs; `explain`: the source is a reject;
     `doctor`: something fails
  2  the arguments are wrong
  3  could not run; the message says why and what to do
"""
ADDRESSES: Final = """\
addresses:
  news, /data/news                      a path: relative to the working folder, or absolute
  file:news, git+file:news@main#rfi,    a path behind a scheme is written alike: `duckdb:news.duckdb` is relative,
  duckdb:news.duckdb, iceberg:lake      `duckdb:/data/news.duckdb` absolute
  s3://bucket/prefix (gs://, az://), postgresql://user@host/database
"""
SHELLS: Final = ("bash", "zsh", "tcsh", "fish", "powershell")


class UsageError(SettingsError):
    """The arguments are wrong."""


class MachineError(PressmarkError):
    """The operating system refused something: a disk that is full, a file that may not be read."""


class StoppedError(PressmarkError):
    """Someone stopped the command: run it again to go on."""


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


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"must be from 1 to 65535, not {number}")
    return number


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, not {text}")
    return share


def _portion(text: str) -> float:
    share = _share(text)
    if not share:
        raise argparse.ArgumentTypeError("must be above 0")
    return share


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"`{text}` is no date or time; write 2025-03-01 or 2025-03-01T12:00Z"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


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
    types = {"int": _positive, "datetime": _moment}
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
            ), JSON,
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
            Argument("--context", type=int, default=80, metavar="N", help="bytes to show before and after [80]"), JSON,
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
            Argument("--limit", type=_positive, default=20, metavar="N", help="articles to print [20]"),
            Argument("--json", action="store_true", help="print all of them, with their texts, as JSON lines"),
        ),
    ),
    "diff": Command(
        "reading", "show what a revision of an article changed, paragraph by paragraph",
        "pressmark diff 0123456789abcdef0123456789abcdef output",
        (
            Argument("article_id", help="as in the column `article_id`"), OUTPUT,
            Argument(
                "--revisions", nargs=2, type=_positive, metavar=("N", "M"),
                help="the two to compare, as `--list` numbers them [the latest two whose texts differ]",
            ),
            Argument("--list", action="store_true", help="only list the article's revisions"),
            Argument("--all", action="store_true", help="show unchanged paragraphs as well"), JSON,
        ),
    ),
    "browse": Command(
        "browsing", "show an output to people: search, articles beside their bytes, revisions, rejects, as pages on "
        "this machine",
        "pressmark browse output archive",
        (
            OUTPUT, SOURCE,
            Argument("--port", type=_port, metavar="N", help="the port of 127.0.0.1 to serve at [a free one]"),
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
                "--interval", type=_positive, metavar="S", help="ingest every S seconds instead of by --cron"
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
            Argument("--fix", action="store_true", help="complete and clear what stopped runs left"), JSON,
        ),
    ),
    "completion": Command(
        "reading", "print a script that completes commands, options and paths in a shell",
        'eval "$(pressmark completion bash)"',
        (Argument("shell", choices=SHELLS, help="the shell to complete in: " + ", ".join(SHELLS)),),
    ),
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, where `argparse` prints the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, self.prog, f"see `{self.prog} --help`")


class _Version(argparse.Action):
    """As argparse's own, but looks the version up only when asked for, as that takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"pressmark {pressmark.__version__}")
        parser.exit()


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of all commands; where the first of `words` is known, the others are left without their arguments, as
    these take a while."""
    raw = argparse.RawDescriptionHelpFormatter
    what = "Turn an archive of scraped news articles into a partitioned Parquet dataset."
    parser = _Parser(prog="pressmark", description=what, epilog=f"{ADDRESSES}\n{EXIT_CODES}", formatter_class=raw)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        one = commands.add_parser(
            name, help=command.what, description=command.what[0].upper() + command.what[1:] + ".",
            epilog=f"example:\n  {command.example}\n\n{ADDRESSES}\n{EXIT_CODES}", formatter_class=raw,
        )  # fmt: skip
        places: dict[str | None, argparse._ActionsContainer] = {None: one}
        for argument in command.arguments if not words or words[0] == name else ():
            if argument.group not in places:
                places[argument.group] = one.add_argument_group(argument.group)
            places[argument.group].add_argument(*argument.names, **argument.facts)
    return parser


def settings_of(arguments: argparse.Namespace) -> IngestSettings:
    """The settings that the arguments of `ingest` or `serve` give."""
    return IngestSettings(**{name: getattr(arguments, name) for name in SETTINGS})


def script() -> NoReturn:
    """The program `pressmark`: runs a command and exits with its code."""
    # Arrow reads this when it is loaded: its own choice of a memory pool keeps 20 to 30 MB of what was freed.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        arguments = _parsed(words)
        if arguments.command == "ingest" and not os.path.isdir(os.path.join(arguments.output, "runs")):
            # A first run has work for workers: what these need is loaded while this process loads its own.
            importlib.import_module("pressmark.storage.pool").preload()
        with _warnings_shown():
            module = importlib.import_module(f"pressmark.flows.commands.{COMMANDS[arguments.command].module}")
            return int(getattr(module, arguments.command)(arguments))
    except BrokenPipeError:
        # What read the output, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except KeyboardInterrupt:
        return _fail(StoppedError("stopped", "pressmark", "what was published is whole; run again to go on"), words)
    except PressmarkError as error:
        return _fail(error, words)
    except OSError as error:
        where = str(error.filename or errno.errorcode.get(error.errno or 0, "this machine"))
        return _fail(MachineError(error.strerror or str(error), where, "correct that and run again"), words)
    except BaseException as error:
        if not _is_shortage(error):
            raise
        remedy = "free memory, raise the limit (`ulimit -v`, `ulimit -u`), or use fewer workers; run again"
        return _fail(MachineError("memory or threads are not enough", "this machine", remedy), words)


def _is_shortage(error: BaseException) -> bool:
    """Whether the system gave no memory, or no thread: some libraries panic then."""
    said = str(error)
    return isinstance(error, MemoryError) or "can't start new thread" in said or "kind: WouldBlock" in said


def _parsed(words: list[str]) -> argparse.Namespace:
    """The arguments; raises `UsageError`, with the nearest name, where a command or an option is unknown."""
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        raise UsageError("there is no such command", words[0], _instead(words[0], COMMANDS, "pressmark"))
    arguments, unknown = build_parser(words).parse_known_args(words)
    if unknown:
        known = [name for one in COMMANDS[arguments.command].arguments for name in one.names if name.startswith("-")]
        kind = "option" if unknown[0].startswith("-") else "argument"
        remedy = _instead(unknown[0].partition("=")[0], known, f"pressmark {arguments.command}")
        raise UsageError(f"`{arguments.command}` takes no such {kind}", unknown[0], remedy)
    return arguments


def _instead(word: str, known: Sequence[str] | dict[str, Command], program: str) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else f"see `{program} --help`"


@contextlib.contextmanager
def _warnings_shown() -> Iterator[None]:
    """Show the warnings of everything below on standard error, as the program's own."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("pressmark: %(message)s"))
    logger = logging.getLogger("pressmark")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _fail(error: PressmarkError, words: Sequence[str]) -> int:
    """Say what is wrong, as text or, under --json, as JSON on standard output; the exit code."""
    if "--json" in words:
        import json

        shown = {"code": error.code, "message": error.what, "where": error.where, "remedy": error.remedy}
        print(json.dumps(shown, ensure_ascii=False))
    else:
        print(f"pressmark: {error}", file=sys.stderr)
    return EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    script()

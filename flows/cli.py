"""The command line: arguments in, one command, an exit code out. A command's module is imported when it is called, so
that `pressmark --help` starts at once."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

import pressmark
from pressmark.flows.arguments import COMMANDS, SETTINGS
from pressmark.storage.errors import OutputError, PressmarkError, SettingsError, instead
from pressmark.storage.settings import IngestSettings

__all__ = [
    "EXIT_FAILED", "EXIT_NOTHING", "EXIT_OK", "EXIT_USAGE", "UsageError", "build_parser", "main", "script",
    "settings_of",
]  # fmt: skip

EXIT_OK: Final = 0
EXIT_NOTHING: Final = 1
EXIT_USAGE: Final = 2
EXIT_FAILED: Final = 3

# Commands that write rows, or what stands beside them.
CHANGING: Final = frozenset({"ingest", "serve", "forget", "keep", "describe", "audit", "index", "doctor"})
EXIT_CODES: Final = """\
exit codes:
  0  all well
  1  `ingest`: no source was found, or every one was rejected; with --strict: there are rejects,
     with --max-reject-share: more than that;
     `verify`: a law does not hold; `audit`: something differs; `explain`: the source is a reject;
     `doctor`, `check`: something fails; `forget`: something of it is left; `compare`: rows differ;
     `search`, `clusters`: nothing is found; `init`: no article is found
  2  the arguments are wrong
  3  could not run; the message says why and what to do
"""
FULL: Final = os.strerror(errno.ENOSPC)
ADDRESSES: Final = """\
addresses:
  news, /data/news                      a path: relative to the working folder, or absolute
  file:news, git+file:news@main#rfi,    a path behind a scheme is written alike: `duckdb:news.duckdb` is relative,
  duckdb:news.duckdb, iceberg:lake      `duckdb:/data/news.duckdb` absolute
  s3://bucket/prefix (gs://, az://), postgresql://user@host/database
"""


class UsageError(SettingsError):
    """The arguments are wrong."""


class MachineError(PressmarkError):
    """The operating system refused something: a disk that is full, a file that may not be read."""


class StoppedError(PressmarkError):
    """Someone stopped the command: run it again to go on."""


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # JSON is UTF-8; a terminal that is not gets the numbers of the characters that it lacks.
            stream.reconfigure(encoding="utf-8" if "--json" in sys.argv else None, errors="backslashreplace")
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        arguments = _parsed(words)
        _find_moments(arguments)
        if argv is None and arguments.command == "ingest" and not (arguments.dry_run or arguments.workers == 1):
            # What workers need is loaded while this process loads its own.
            importlib.import_module("pressmark.storage.pool").preload()
        with _warnings_shown():
            importlib.import_module("pressmark.storage.arrow")
            module = importlib.import_module(f"pressmark.flows.commands.{COMMANDS[arguments.command].module}")
            code = int(getattr(module, arguments.command)(arguments))
            print(end="", flush=True)
            return code
    except BrokenPipeError:
        # What read the output, such as `head`, has seen enough.
        _print_no_more()
        return EXIT_OK
    except KeyboardInterrupt:
        remedy = "what was published is whole; run again to go on"
        return _fail(StoppedError("stopped", " ".join(words[:1]), remedy), words)
    except PressmarkError as error:
        return _fail(error, words)
    except OSError as error:
        if FULL in str(error):  # also where a library gives no number, or a list of files
            return _fail(_full(error.filename), words)
        where = str(error.filename or errno.errorcode.get(error.errno or 0, "this machine"))
        return _fail(MachineError(error.strerror or str(error), where, "correct that and run again"), words)
    except BaseException as error:
        if FULL in str(error):  # some libraries say it in errors of their own
            return _fail(_full(None), words)
        if str(error).startswith("parquet: "):  # polars, which does not say of which file
            return _fail(_damaged(error, words), words)
        if not _is_shortage(error):
            raise
        remedy = "free memory, raise the limit (`ulimit -v`, `ulimit -u`), or use fewer workers; run again"
        return _fail(MachineError("memory or threads are not enough", "this machine", remedy), words)


def _damaged(error: BaseException, words: Sequence[str]) -> OutputError:
    arguments = vars(_parsed(list(words)))
    return OutputError(
        f"a file of the output can't be read ({error})", arguments.get("output") or arguments.get("old", "this output"),
        "`pressmark doctor` names the file; remove it and ingest its sources again",
    )  # fmt: skip


def _full(filename: str | None) -> MachineError:
    return MachineError("No space left on device", filename or "this machine", "free some space, and run again")


def _print_no_more() -> None:
    """Let go of what waits to be printed, and of all that follows."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _find_moments(arguments: argparse.Namespace) -> None:
    """Put the folder of a kept moment in the place of `OUTPUT@RUN`; raises `UsageError` where it would be changed."""
    for name in ("output", "old", "new"):
        named = getattr(arguments, name, None)
        if not named or "@" not in named:
            continue
        moments = importlib.import_module("pressmark.storage.output.snapshot")
        report = arguments.command == "report" and arguments.to is None
        changes = arguments.command in CHANGING or getattr(arguments, "keep", False) or report
        if changes and moments.names_moment(named):
            remedy = "give the report a place with `--to`" if report else "name the output without `@` and run"
            raise UsageError("this names a moment, which stays as it is", named, remedy)
        setattr(arguments, name, str(moments.output_at(named).address))


def _is_shortage(error: BaseException) -> bool:
    """Whether the system gave no memory, or no thread: some libraries panic then."""
    said = str(error)
    return isinstance(error, MemoryError) or "can't start new thread" in said or "kind: WouldBlock" in said


def _parsed(words: list[str]) -> argparse.Namespace:
    """The arguments; raises `UsageError`, with the nearest name, where a command or an option is unknown."""
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        raise UsageError("there is no such command", words[0], instead(words[0], COMMANDS, "see `pressmark --help`"))
    arguments, unknown = build_parser(words).parse_known_args(words)
    if unknown:
        known = [name for one in COMMANDS[arguments.command].arguments for name in one.names if name.startswith("-")]
        kind = "option" if unknown[0].startswith("-") else "argument"
        otherwise = f"see `pressmark {arguments.command} --help`"
        if arguments.command == "search":
            otherwise = "write a query that begins with `-` behind `--`: `pressmark search -- -word output`"
        remedy = instead(unknown[0].partition("=")[0], known, otherwise)
        raise UsageError(f"`{arguments.command}` takes no such {kind}", unknown[0], remedy)
    since, until = (str(getattr(arguments, name, None) or "")[:10] for name in ("since", "until"))
    if until and since > until:
        raise UsageError("no day is in this span", f"{since} to {until}", "give the earlier one to --since")
    return arguments


@contextlib.contextmanager
def _warnings_shown() -> Iterator[None]:
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
    shown = ""
    if "--json" in words:
        import json

        facts = {"code": error.code, "message": error.what, "where": error.where, "remedy": error.remedy}
        shown = json.dumps(facts, ensure_ascii=False) + "\n"
    try:
        print(shown, end="", flush=True)
    except OSError:
        _print_no_more()
        shown = ""
    if not shown:
        print(f"pressmark: {error}", file=sys.stderr)
    return EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED


if __name__ == "__main__":
    script()

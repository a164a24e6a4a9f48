"""`init`: looks at an archive, says what it understood, and writes `pressmark.toml` beside it."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK
from pressmark.flows.summary import as_json, counted, printable
from pressmark.storage.errors import SettingsError
from pressmark.storage.output.folder import save
from pressmark.storage.settings import ABOUT_THE_ARCHIVE, FILE, IngestSettings, configured, options
from pressmark.storage.survey import Survey, survey

__all__ = ["init"]

# Of one heading.
MOST_SHOWN = 12
COMMENTED = {
    "include": '["*.md"]', "exclude": '["drafts/**"]', "encoding": '"gb18030"', "markup": '"markdown"',
    "zone": '"Asia/Shanghai"', "map": '{ url = "link" }', "single_outlet": '"songling"', "history": "true",
    "max_source_mib": "64",
}  # fmt: skip


def init(arguments: argparse.Namespace) -> int:
    """Print what was found, and write the file; the exit code."""
    settings = configured(IngestSettings(source=arguments.source, include=arguments.include or ()))
    found = survey(settings)
    folder = Path(arguments.source) if Path(arguments.source).is_dir() else Path()
    place = folder / FILE
    if arguments.json:
        print(as_json(found._asdict()))
    else:
        print("\n".join(_lines(found)))
    if not found.articles:
        print(f"\nnothing was written: {counted(found.looked_at, 'source')} looked at, none is an article")
        print("docs/doors.md says what can be read, and what it begins with; name the files with --include")
        print("articles in XML or CSV are read from JSON Lines: one object on a line of a `.jsonl` file")
        return EXIT_NOTHING
    if arguments.dry_run:
        return EXIT_OK
    if place.exists() and not arguments.force:
        raise SettingsError("it is there already", place, "look at it, or write it anew with --force")
    text = configuration(found)
    try:
        save(place, text.encode())
    except OSError as error:
        raise SettingsError(
            f"it can't be written ({error.strerror})", place, "copy it from here:\n\n" + text
        ) from error
    if not arguments.json:
        beside = "" if folder != Path() else " --config pressmark.toml"
        print(f"\nwrote {place}; look at it, then run\n\n  pressmark ingest {arguments.source} output{beside}")
    return EXIT_OK


def configuration(found: Survey) -> str:
    """The text of `pressmark.toml`: what was found, and all else that it may say, as comments with their help."""
    lines = ["# What is said here of the archive holds for every run; the command line goes first."]
    helps = {one.name: one.help for one in options()}
    for name in ABOUT_THE_ARCHIVE:
        if name in found.proposed:
            lines += ["", f"# {helps[name]}", f"{name} = {json.dumps(found.proposed[name], ensure_ascii=False)}"]
        elif name in COMMENTED:
            lines += ["", f"# {helps[name]}", f"# {name} = {COMMENTED[name]}"]
    return "\n".join(lines) + "\n"


def _lines(found: Survey) -> list[str]:
    lines = [f"{counted(found.sources, 'source')}, {counted(found.left_out, 'file')} left out; "
             f"looked at {found.looked_at}: {counted(found.articles, 'article')}"]  # fmt: skip
    if found.not_taken:
        more = ", …" if found.left_out > len(found.not_taken) else ""
        lines.append(f"left out: {', '.join(map(printable, found.not_taken))}{more}; `--include` takes what it matches")
    lines += map(printable, found.notes)
    shown: set[tuple[str, ...]] = set()
    for heading, members in groupby(found.found, key=lambda one: one.heading):
        lines += ["", heading]
        group = list(members)
        for one in group[:MOST_SHOWN]:
            lines.append(f"  {one.sources:>4}  {printable(one.what)}")
            # What holds for all of them has the same examples everywhere.
            if one.examples not in shown:
                lines += [f"          {printable(example)}" for example in one.examples]
            shown.add(one.examples)
        if others := group[MOST_SHOWN:]:
            lines.append(f"  {sum(one.sources for one in others):>4}  in {len(others)} others; `--json` has all")
    lines += ["", "proposed"]
    return lines + [f"  {name} = {json.dumps(value, ensure_ascii=False)}" for name, value in found.proposed.items()]

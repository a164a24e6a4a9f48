"""Git archives of fictional news articles with a history, and a ledger of what is true of them.

usage: python -m benchmarks.generate N FOLDER [--seed 1] [--commits C] [--history | --no-history] [--merges]

Writes `FOLDER/archive.git`, a bare repository of one pack, and `FOLDER/ledger.jsonl`. The same arguments give the same
head. The ledger is written from what was decided, never from what the repository says: tests hold the two together.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Final, Literal

from benchmarks.fast_import import NUMBERS, FastImport, environment, git
from benchmarks.history import Event, Window, plan_events, plan_windows
from benchmarks.ledger import Ledger, Line, Source, read_ledger, write_ledger
from benchmarks.pages import BadKind, Story, Version, bad_source, copy_path, mirrored_path, render, short_path, story_of

__all__ = ["ARCHIVE", "LEDGER", "Ledger", "append", "export_head", "generate", "read_ledger"]

ARCHIVE: Final = "archive.git"
LEDGER: Final = "ledger.jsonl"
START_S: Final = 1_719_792_000  # 2024-07-01
SPAN_S: Final = 549 * 86_400  # to the end of 2025
HOUR_S: Final = 3_600
LONGEST_DELAY_S: Final = 30 * HOUR_S
ARTICLES_PER_COMMIT: Final = 50
FEWEST_COMMITS: Final = 20
MAIN: Final = "refs/heads/main"
SIDE: Final = "refs/heads/side"
COPY_MARKUP: Final = 100
BAD_NUMBER: Final = 900_000
README: Final = "# Archive of invented news\n\nEvery article in this archive was made up by a program.\n"
BAD_KINDS: Final[tuple[BadKind, ...]] = ("no_text", "invalid_utf8", "empty_file", "no_header")


def generate(
    count: int,
    folder: Path,
    *,
    seed: int = 1,
    commits: int | None = None,
    history: bool = True,
    merges: bool = False,
) -> Ledger:
    """Makes an archive of `count` articles in `folder`, and returns its ledger.

    Without `history` each file stays as it was added. With `merges` some commits stand on side branches, which are
    merged later. Raises `FileExistsError` where the folder has an archive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    repository = folder / ARCHIVE
    repository.mkdir()
    git(repository, "init", "--quiet", "--bare", "--object-format=sha1", f"--initial-branch={MAIN.rpartition('/')[2]}")
    commits = commits or max(FEWEST_COMMITS, count // ARTICLES_PER_COMMIT)
    random = Random(f"{seed}:plan")
    step_s = SPAN_S / commits
    times = [START_S + round((commit + 1) * step_s - random.random() * step_s / 4) for commit in range(commits)]
    added = [article * commits // count for article in range(count)]
    published = [random.randrange(times[commit - 1] if commit else START_S, times[commit]) for commit in added]
    windows = plan_windows(commits) if merges else []
    events = plan_events(random, added, commits, history=history, windows=windows)
    with FastImport(repository, count) as output:
        ledger = Run(seed, published, output, round(step_s)).run(times, events, windows)
    ledger = ledger._replace(totals=ledger.totals._replace(head=git(repository, "rev-parse", MAIN).strip()))
    write_ledger(folder / LEDGER, ledger)
    return ledger


def append(folder: Path, count: int, *, seed: int) -> str:
    """Adds `count` new articles to the archive in `folder`, in one commit an hour after its head; returns its id.

    The ledger stays as it is.
    """
    repository = folder / ARCHIVE
    head_s, first = map(
        int, git(repository, "log", "-1", f"--format=%ct %(trailers:key={NUMBERS},valueonly)", MAIN).split()
    )
    random = Random(f"{seed}:append:{first}")
    with FastImport(repository, first + count, parent=f"{MAIN}^0") as output:
        files: dict[str, int | None] = {}
        for article in range(first, first + count):
            story = story_of(seed, article, random.randrange(head_s, head_s + HOUR_S))
            files[story.path] = output.blob(render(seed, story, Version(article)))
        output.commit(MAIN, head_s + HOUR_S, files)
    return git(repository, "rev-parse", MAIN).strip()


def export_head(repository: Path, folder: Path) -> None:
    """Writes the files of the head commit into a plain folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["git", "--git-dir", str(repository), "archive", "--format=tar", MAIN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as source:
        subprocess.run(["tar", "-x", "-f", "-", "-C", str(folder)], stdin=source.stdout, check=True)
    if source.returncode:
        raise subprocess.CalledProcessError(source.returncode, command)


class Run:
    """Carries out the events of a plan: writes blobs and commits, and tells the ledger."""

    def __init__(self, seed: int, published: list[int], output: FastImport, step_s: int) -> None:
        self._seed = seed
        self._published = published
        self._output = output
        self._delay_s = min(LONGEST_DELAY_S, max(60, step_s // 3))
        self._sources: dict[Version, Source] = {}
        self._marks: dict[str, int] = {}
        # Where each article's own file stands, or stood before it was deleted, and what it was before.
        self._at: dict[int, tuple[str, Version]] = {}
        self._before: dict[int, Version] = {}

    def run(self, times: list[int], events: Mapping[int, list[Event]], windows: list[Window]) -> Ledger:
        """All commits, and further ones where events had to wait beyond the last; the ledger still lacks the head."""
        line, output = Line(), self._output
        side: dict[str, Source | None] = {}
        side_tip = tip = 0
        waiting: list[Event] = []
        number = main_commits = 0
        while number < len(times) or waiting:
            at = times[number] if number < len(times) else times[-1] + (number - len(times) + 1) * HOUR_S
            window = next((window for window in windows if window.start <= number <= window.end), None)
            if window and number == window.end:
                files = line.merge(at, side)
                tip = output.commit(MAIN, at, self._marked(files), merge=side_tip)
                side, side_tip = {}, 0
                main_commits += 1
                waiting += events.get(number, [])
            else:
                changes, waiting = self._carried_out([*waiting, *events.get(number, [])], number, window)
                if number == 0:
                    changes["README.md"] = self._written(README.encode(), "no_header")
                if window and window.is_side(number):
                    line.commit_beside(changes)
                    side_tip = output.commit(SIDE, at, self._marked(changes), parent=side_tip or tip)
                    side |= changes
                else:
                    tip = output.commit(MAIN, at, self._marked(line.commit(at, changes)))
                    main_commits += 1
            number += 1
        if windows:
            output.forget(SIDE)
        return line.close("", number, main_commits)

    def _carried_out(
        self, events: list[Event], number: int, window: Window | None
    ) -> tuple[dict[str, Source | None], list[Event]]:
        """Files that the events of one commit change, and the events that have to wait for the next.

        An article changes once in a commit, but may be copied in the one that adds it, and on one line in a window.
        """
        changes: dict[str, Source | None] = {}
        waiting: list[Event] = []
        touched: set[int] = set()
        put_off: set[int] = set()
        for event in events:
            if event.kind == "bad":
                changes[f"法广/{BAD_NUMBER + event.article}_没有正文.md"] = self._bad(event.article)
                continue
            article = event.article
            again = article in touched and event.kind != "copy"
            if again or article in put_off or (window and not window.allows(number, article)):
                waiting.append(event)
                put_off.add(article)
            else:
                touched.add(article)
                changes |= self._change(event)
        return changes, waiting

    def _change(self, event: Event) -> dict[str, Source | None]:
        article, twist = event.article, event.twist
        story = self._story(article)
        if event.kind in ("add", "repair", "spoil"):
            self._at[article] = (story.path, Version(article))
            return {story.path: self._bad(0) if event.kind == "spoil" else self._source(story, Version(article))}
        path, version = self._at[article]
        reworded = version._replace(text=version.text + 1)
        restyled = version._replace(markup=version.markup + 1)
        match event.kind:
            case "text":
                self._at[article] = (path, reworded._replace(later_s=self._delay_s) if twist else reworded)
            case "markup":
                self._at[article] = (path, restyled)
            case "revert":
                self._at[article] = (path, self._before[article])
            case "delete":
                return {path: None}
            case "restore":
                self._at[article] = (path, reworded if twist else version)
            case "copy":
                to, copy = copy_path(path, article), version
                if twist and story.layout.dialect == "comment" and article % 2:
                    to, copy = mirrored_path(story), version._replace(mirrored=True)
                elif twist:
                    copy = version._replace(markup=COPY_MARKUP)
                return {to: self._source(story, copy)}
            case "rename":
                to = short_path(story)
                self._at[article] = (to, restyled if twist else version)
                return {path: None, to: self._source(story, self._at[article][1])}
        self._before[article] = version
        return {path: self._source(story, self._at[article][1])}

    def _story(self, article: int) -> Story:
        return story_of(self._seed, article, self._published[article])

    def _source(self, story: Story, version: Version) -> Source:
        if version not in self._sources:
            facts = (story.url, f"{story.article}:{version.text}", story.published_s + version.later_s)
            self._sources[version] = self._written(render(self._seed, story, version), "article", *facts)
        return self._sources[version]

    def _bad(self, number: int) -> Source:
        kind = BAD_KINDS[number % len(BAD_KINDS)]
        return self._written(bad_source(kind, number), kind)

    def _written(
        self,
        data: bytes,
        kind: Literal["article"] | BadKind,
        article: str | None = None,
        text_key: str | None = None,
        published_s: int | None = None,
    ) -> Source:
        source = Source(hashlib.sha256(data).hexdigest(), len(data), kind, article, text_key, published_s)
        self._marks[source.sha256] = self._output.blob(data)
        return source

    def _marked(self, files: Mapping[str, Source | None]) -> dict[str, int | None]:
        return {path: source and self._marks[source.sha256] for path, source in files.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, metavar="N")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commits", type=int)
    parser.add_argument("--history", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--merges", action="store_true")
    arguments = parser.parse_args()
    started = time.perf_counter()
    totals = generate(**vars(arguments)).totals
    seconds = time.perf_counter() - started
    pack_bytes = sum(path.stat().st_size for path in (arguments.folder / ARCHIVE / "objects" / "pack").glob("*.pack"))
    for name, value in totals._asdict().items():
        print(f"{name:>14}  {value}")
    print(f"{'pack_bytes':>14}  {pack_bytes}")
    peak_mb = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{seconds:.1f} s; peak {peak_mb[0]} MB here, {peak_mb[1]} MB in git")


if __name__ == "__main__":
    main()

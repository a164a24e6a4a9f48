"""What `pressmark doctor` looks at: this machine and an output. Findings say what to do; some can be mended here."""

from __future__ import annotations

import fcntl
import importlib.metadata
import locale
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
from packaging.requirements import Requirement

from pressmark.schemas import BY_RUN, TABLES
from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.schemas.tables import ARTICLES
from pressmark.storage.errors import OutputError
from pressmark.storage.forgetting import forgotten_texts, traces
from pressmark.storage.output.folder import JOURNAL, PRIVATE
from pressmark.storage.output.parquet import PartFile
from pressmark.storage.output.state import row_counts
from pressmark.storage.output.tables import PART_SUFFIX, STAGING, Output, bucket_of
from pressmark.storage.runs import last_runs, new_stamp

__all__ = ["Finding", "State", "examine_forgotten", "examine_machine", "examine_output", "looked", "mend_output"]

LEAST_FILES: Final = 1024
LEAST_FREE: Final = 1 << 30
LARGE_FILE_BYTES: Final = 256 << 20
SHOWN: Final = 3
# Tables whose rows belong to an article of the output.
OWNED: Final = ("paragraphs", "media")


class State(StrEnum):
    """How a finding is to be taken: `warning` says that something may go wrong, `failure` that it does."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    FIXED = "fixed"


class Finding(NamedTuple):
    """One thing that was looked at: its area, its name, how it is, in words, and what to do (nothing where it is well).
    `fixable` ones are mended by `pressmark doctor --fix`."""

    area: str
    name: str
    state: State
    found: str
    remedy: str = ""
    fixable: bool = False


def looked(area: str, name: str, ok: bool, found: str, remedy: str, worse: State = State.WARNING) -> Finding:  # noqa: FBT001
    """A finding that is well, or `worse`, with its remedy."""
    return Finding(area, name, State.OK if ok else worse, found, "" if ok else remedy)


def examine_machine(place: Path | None = None) -> Iterator[Finding]:
    """Python, the packages, git, encoding, limits, and the room on the disks of `place` and of temporary files."""
    area = "environment"
    yield Finding(area, "python", State.OK, platform.python_version())
    packages = list(_packages())
    wrong = "; ".join(f"{name} {has or 'missing'}, not {wanted}" for name, has, wanted in packages if wanted)
    remedy = "install them as the lock has them: `pip install -r requirements.lock`"
    yield looked(area, "packages", not wrong, wrong or f"{len(packages)} fit", remedy, State.FAILURE)
    yield _git(area)
    encoding = locale.getpreferredencoding(do_setlocale=False)
    is_utf8 = encoding.lower().replace("-", "") == "utf8" and sys.getfilesystemencoding() == "utf-8"
    yield looked(area, "encoding", is_utf8, encoding, "set LC_ALL=C.UTF-8, or names of files may be shown wrongly")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft == resource.RLIM_INFINITY or soft >= LEAST_FILES
    yield looked(area, "open files", enough, f"at most {soft}", f"raise the limit: `ulimit -n {LEAST_FILES}`")
    for name, folder in {"temporary files": Path(tempfile.gettempdir()), "output's disk": place}.items():
        if folder is not None:
            there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
            free = shutil.disk_usage(there).free
            yield looked(area, name, free >= LEAST_FREE, f"{free / 1e9:.1f} GB free", "free some space")
            if not os.access(there, os.W_OK):
                yield Finding(
                    area, name, State.WARNING, f"`{there}` can't be written", "no run can write to it; see its rights"
                )


def _packages() -> Iterator[tuple[str, str | None, str]]:
    """Each package that is needed: its name, the version that is there, and the wanted one where it is another."""
    for line in importlib.metadata.requires("pressmark") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            has: str | None = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            has = None
        fits = has is not None and requirement.specifier.contains(has, prereleases=True)
        yield requirement.name, has, "" if fits else str(requirement.specifier) or "any version"


def _git(area: str) -> Finding:
    path = shutil.which("git")
    if path is None:
        return Finding(area, "git", State.WARNING, "not found", "install git, if archives are git repositories")
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return Finding(area, "git", State.OK, answer.stdout.strip().removeprefix("git version ") or "of an unknown version")


def examine_output(output: Output) -> Iterator[Finding]:
    """Journal, lock, leftovers, strange files, schemas, whether tables agree, and sizes. Changes nothing."""
    area = "output"
    runs = last_runs(output)
    if not runs:
        remedy = "name an output folder, or ingest first"
        yield Finding(area, "runs", State.FAILURE, f"no run has written to `{output.address}`", remedy)
        return
    last = ", ".join(f"`{run.archive}` {run.started_at:%Y-%m-%d %H:%M} UTC" for run in runs)
    partial = [run.archive for run in runs if run.partial]
    yield Finding(area, "runs", State.OK, f"latest of {last}")
    if partial:
        yield Finding(area, "partial runs", State.WARNING, "only a part was asked for of " + ", ".join(partial),
                      "ingest without --limit, --since and --outlet to have the rest")  # fmt: skip
    yield from _leftovers(output, area)
    files = [*_strange_files(output, area), *_schemas(output, area)]
    yield from files
    # What stops readers of a whole table stops this one, too.
    if all(one.state is not State.FAILURE for one in files):
        yield from _agreement(output, area)
    yield from _sizes(output, area)


def examine_forgotten(output: Output, article_id: str, source: str | None = None) -> Iterator[Finding]:
    """Whether the id and the text of an article that was forgotten are found in any file of an output. Its text is read
    from the archives, so long as these have it; `source` is the input of the latest run."""
    area = "forgotten"
    wanted, read, sources = forgotten_texts(output, article_id, source)
    whole = read == sources and bool(wanted.pieces)
    found = f"{read} of its {sources} sources are there to tell its text, in {len(wanted.pieces)} pieces of its own"
    remedy = "name an input that has its sources with `--source`; its id is looked for anyway"
    yield looked(area, "text", whole, found, remedy)
    if wanted.shared:
        names = _some([f"{one} ({count})" for one, count in wanted.shared.items()], "have pieces of its text")
        yield Finding(area, "other articles", State.WARNING, names, "see `pressmark clusters`; forget those, too")
    places: dict[str, set[str]] = {}
    for trace in traces(output, wanted):
        column = "" if trace.column is None else f" in `{trace.column}`"
        places.setdefault(trace.file, set()).add(f"its {'id' if trace.is_id else 'text'}{column}")
    for name, what in places.items():
        remedy = "end the reader that holds it" if "/readers/" in name else "remove the file, or write it again"
        if name.partition("/")[0] in TABLES:
            remedy = "ingest into a new output, and report it: a table's file is not to be removed"
        yield Finding(area, name, State.FAILURE, "has " + " and ".join(sorted(what)), remedy)
    if not places:
        yield Finding(area, "traces", State.OK, "no file of the output has its id or its text")


def mend_output(output: Output) -> Finding:
    """Complete what a killed run began to publish, and clear what stopped runs and readers left; raises `LockedError`
    where a run is writing. Rows change only where a run was killed while it published."""
    with output.store.writing(new_stamp().run_id, lambda *_: None):
        output.store.clear(STAGING)
    return Finding("output", "leftovers", State.FIXED, "what stopped runs left was completed and cleared")


def _leftovers(output: Output, area: str) -> Iterator[Finding]:
    journal = output.store.find(JOURNAL) is not None
    staged = output.store.entries(STAGING)
    readers = output.store.entries(f"{PRIVATE}/readers")
    writing = output.is_local and _is_held(output.root)
    if writing:
        yield Finding(area, "lock", State.OK, f"a run is writing: {writing}")
    elif journal:
        yield Finding(area, "journal", State.WARNING, "a run was killed while it published",
                      "`pressmark doctor --fix` or the next run completes it", fixable=True)  # fmt: skip
    if not writing and (staged or readers):
        size = sum(entry.size for entry in staged)
        found = f"{len(staged) + len(readers)} files, {size / 1e6:.1f} MB staged, of runs and readers that were stopped"
        remedy = "`pressmark doctor --fix` or the next run clears them"
        yield Finding(area, "leftovers", State.WARNING, found, remedy, fixable=True)
    if not (writing or journal or staged or readers):
        yield Finding(area, "journal, lock, leftovers", State.OK, "none")


def _is_held(root: Path) -> str:
    """Who holds the output's lock; nothing where nobody does."""
    with suppress(FileNotFoundError), open(root / PRIVATE / "lock", "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read(300).decode(errors="replace").strip() or "an unknown process"
    return ""


def _strange_files(output: Output, area: str) -> Iterator[Finding]:
    strange = []
    for table in TABLES.values():
        entries = output.store.entries(table.name)
        known = {part.entry.name for part in output.parts(table)} if table.name not in BY_RUN else {
            entry.name for entry in entries if entry.name.endswith(PART_SUFFIX)
        }  # fmt: skip
        strange += [entry.name for entry in entries if entry.name not in known]
    found = _some(strange, "are no table's") if strange else "all are tables'"
    remedy = "move them elsewhere: readers of a whole folder fail on them"
    yield looked(area, "files", not strange, found, remedy, State.FAILURE)


def _schemas(output: Output, area: str) -> Iterator[Finding]:
    outdated: list[str] = []
    bad: list[OutputError] = []
    files = 0
    for table in TABLES.values():
        for entry in output.files(table.name):
            files += 1
            try:
                with PartFile(output, entry, table) as part:
                    outdated += [entry.name] if part.outdated else []
            except OutputError as error:
                bad.append(error)
    for one in bad[:SHOWN]:
        yield Finding(area, "schema", State.FAILURE, f"{one.what}: `{one.where}`", one.remedy)
    if outdated:
        yield Finding(area, "schema", State.WARNING, _some(outdated, "are of an older contract"),
                      "the next run carries them over")  # fmt: skip
    if not bad and not outdated:
        yield Finding(area, "schema", State.OK, f"{files} files of contract version {CONTRACT_VERSION}")


def _agreement(output: Output, area: str) -> Iterator[Finding]:
    """Whether ids are unique, rows belong to articles, and lie in the file that follows from their article's id."""
    wrong: list[str] = []
    articles = output.scan(TABLES["articles"]).select("article_id", pl.col("paragraph_count").cast(pl.Int64))
    ids = articles.select("article_id").collect()
    if doubled := ids.height - ids.n_unique():
        wrong.append(f"{doubled} articles stand twice")
    counted = articles.select(pl.col("paragraph_count").sum()).collect().item() or 0
    for name in OWNED:
        rows = output.scan(TABLES[name]).select("article_id")
        if strays := rows.join(ids.lazy(), on="article_id", how="anti").select(pl.len()).collect().item():
            wrong.append(f"{strays} rows of `{name}` have no article")
    there = row_counts(output)
    run = last_runs(output)[0]
    for name, count in there.items():
        if count != getattr(run, name):
            wrong.append(f"the latest run left {getattr(run, name)} rows of `{name}`, and {count} are there")
    found = there["paragraphs"]
    if found != counted:
        wrong.append(f"articles count {counted} paragraphs, and {found} are there")
    buckets = int(run.argument("buckets") or 1)
    misplaced = 0
    for part in output.parts(ARTICLES) if buckets > 1 else []:
        with PartFile(output, part.entry, ARTICLES) as file:
            articles_here = file.read(["article_id"])["article_id"].to_pylist()
        misplaced += sum(bucket_of(one, buckets) != part.number for one in articles_here)
    if misplaced:
        wrong.append(f"{misplaced} articles lie in another file than their id says")
    remedy = "see `pressmark verify`; move the output away and ingest its archives again"
    yield looked(area, "tables", not wrong, "; ".join(wrong) or "agree with each other", remedy, State.FAILURE)


def _sizes(output: Output, area: str) -> Iterator[Finding]:
    sizes: Counter[str] = Counter()
    large = []
    for table in TABLES.values():
        for entry in output.files(table.name):
            sizes[table.name] += entry.size
            large += [entry.name] if entry.size > LARGE_FILE_BYTES else []
    words = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())
    remedy = "they are slow to rewrite: ingest into a new output with --partition day or --buckets"
    yield looked(area, "sizes", not large, _some(large, "are large") if large else words, remedy)


def _some(names: list[str], what: str) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    return f"{len(names)} {what}: {shown}" + (", …" if len(names) > SHOWN else "")

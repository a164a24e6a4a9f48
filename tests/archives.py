"""Small archives and the outputs they give: what tests of storage and flows share."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pressmark.schemas import TABLES
from pressmark.storage.ingestion import open_run, run_steps
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import RunReport
from pressmark.storage.settings import IngestSettings
from pressmark.storage.verification import Verification, verify_output
from pressmark.transforms.laws import Breach
from pressmark.transforms.records import Stamp

ROOT = Path(__file__).resolve().parent.parent
FIRST_RUN = datetime(2026, 1, 1, tzinfo=UTC)
STATE = ("articles", "paragraphs", "revisions", "rejects")
SOURCES = 20
# What every Python process of a run loads first, as `sitecustomize`: a text ends the process that parses it, as a fault
# in a library would.
FATAL = "致命"
KILLER = f"""
import os
import pressmark.transforms.article
parse = pressmark.transforms.article.parse
def fatal(data, *arguments, **named):
    if "{FATAL}".encode() in data:
        os._exit(139)
    return parse(data, *arguments, **named)
pressmark.transforms.article.parse = fatal
"""

WriteArticle = Callable[..., Path]


def die_after(calls: int) -> None:
    """Have this process killed at a later one of its system calls that change files."""
    left = [calls]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return wrapped

    for name in ("fsync", "replace", "rmdir", "mkdir", "unlink"):
        setattr(os, name, counted(getattr(os, name)))


def stamp(number: int) -> Stamp:
    """The stamp of a test's run: the first, second, … an hour apart."""
    return Stamp(f"run-{number}", FIRST_RUN + timedelta(hours=number))


def ingest(
    source: Path | str, output: Path | str, number: int = 1, *, described: object = False, **settings: object
) -> RunReport:
    """Ingest with a known stamp and no progress; `settings` are fields of `IngestSettings`, `workers` 1 by default.

    A folder that is made here gets a README of its owner's, so that no run describes it unless it is to be `described`:
    that takes a tenth of a small run.
    """
    if not described and isinstance(output, Path) and output.parent.is_dir() and not output.exists():
        output.mkdir()
        (output / "README.md").touch()
    chosen = IngestSettings(**{"source": source, "output": output, "workers": 1, **settings})  # type: ignore[arg-type]
    with open_run(chosen, stamp(number), lambda *_: None) as run:
        return run_steps(run)


def writer(archive: Path) -> WriteArticle:
    """Write a fictional article into an archive: `write("a.md", url=…, at=…, body=…)`."""

    def write(
        name: str,
        *,
        url: str = "https://songling-times.example/a",
        at: str = "2022-03-04T05:06:07",
        title: str = "松岭市举行读书节",
        body: str = "<p>松岭市图书馆今天开放。</p><p>读者从早晨开始排队。</p>",
    ) -> Path:
        milliseconds = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)
        path = archive / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"<!--{milliseconds}-->\n[{title}]({url})\n------\n\n{body}\n".encode())
        return path

    return write


class News:
    """A test's archive to write articles into, and the output of its ingests."""

    def __init__(self, archive: Path, write: WriteArticle, folder: Path) -> None:
        self.archive, self.write, self.folder = archive, write, folder
        self.out = folder / "out"

    def ingest(self, number: int = 1, **settings: object) -> RunReport:
        return ingest(self.archive, self.out, number, **settings)

    def rows(self, table: str, *columns: str) -> list[tuple[object, ...]]:
        return rows_of(self.out, table, *columns)

    def files(self) -> dict[str, bytes]:
        return files_of(self.out)

    def breaches(self) -> list[Breach]:
        return breaches(self.out, self.archive)


def read_table(output: Path, name: str) -> pa.Table:
    """All rows of a table, partition by partition in the order of their paths."""
    paths = [output / part.entry.name for part in Output(output).parts(TABLES[name])]
    if name == "runs":
        paths = sorted((output / name).glob("*.parquet"))
    parts = [pq.ParquetFile(path).read() for path in paths]
    return pa.concat_tables(parts) if parts else TABLES[name].schema.empty_table()


def rows_of(output: Path, name: str, *columns: str) -> list[tuple[object, ...]]:
    """Some columns of a table as tuples."""
    rows = read_table(output, name).select(list(columns)).to_pylist()
    return [tuple(row[column] for column in columns) for row in rows]


def settled_rows(output: Path, name: str) -> list[str]:
    """Rows without what tells the run that wrote them."""
    columns = [column for column in TABLES[name].run_columns if column in TABLES[name].schema.names]
    return sorted(map(repr, read_table(output, name).drop_columns(columns).to_pylist()))


def assert_same_rows(output: Path, expected: Path, tables: tuple[str, ...] = STATE) -> None:
    """Two outputs have the same rows, whichever run wrote each."""
    for name in tables:
        assert settled_rows(output, name) == settled_rows(expected, name), name


def verified(output: Path | str, source: Path | str | None = None, **settings: Any) -> Verification:
    """What `verify` says by one process."""
    return verify_output(Output(output), source, workers=1, progress=lambda *_: None, **settings)


def breaches(output: Path | str, source: Path | str | None = None) -> list[Breach]:
    """Breaches of the laws."""
    return verified(output, source).breaches


def write_sources(write_article: WriteArticle) -> list[str]:
    """Write `SOURCES` sources, one of which is a reject; their paths."""
    for number in range(SOURCES - 1):
        write_article(
            f"{number:02d}.md",
            url=f"https://songling-times.example/{number}",
            at=f"2022-{1 + number % 3:02d}-04T00:00:00",
            body=f"<p>林帆第{number}次到松岭。</p>",
        )
    write_article("bad.md").write_bytes(b"\xff")
    return [*(f"{number:02d}.md" for number in range(SOURCES - 1)), "bad.md"]


def change_sources(archive: Path, write_article: WriteArticle) -> None:
    """Revise, move to another month, add, mend and delete a source each."""
    write_article("00.md", url="https://songling-times.example/0", body="<p>改</p>")
    write_article("01.md", url="https://songling-times.example/1", at="2022-07-09T00:00:00")
    write_article("new.md", url="https://songling-times.example/new")
    write_article("bad.md", url="https://songling-times.example/mended")
    (archive / "worse.md").write_bytes(b"\xfe")
    (archive / "05.md").unlink()


class Changed(NamedTuple):
    """An archive that changed since it was ingested: the output before, and the files that it has before and after."""

    archive: Path
    output: Path
    before: dict[str, bytes]
    after: dict[str, bytes]

    def copy(self, to: Path) -> Path:
        """A copy of the output before."""
        return Path(shutil.copytree(self.output, to))


def files_of(output: Path) -> dict[str, bytes]:
    """Bytes of every published partition file but those of `runs`."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for name in STATE
        for path in sorted((output / name).rglob("*"))
        if path.is_file()
    }

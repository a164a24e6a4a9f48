"""Exports: the tables of one moment as one file each, with outlet and month as columns: CSV, JSON Lines, Parquet, or a
SQLite database. Rows are streamed. What a format can't hold is written as text, as `stored` says."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import polars as pl
import pyarrow as pa

from pressmark.schemas import TABLES
from pressmark.schemas.contract import UNKNOWN_MONTH, column, plain
from pressmark.schemas.description import About, Described, keys_of, mark_of, texts_of
from pressmark.schemas.tables import LINK
from pressmark.storage.dataset import Dataset
from pressmark.storage.description import PARQUET, README, plain_words, with_origins
from pressmark.storage.errors import OutputError, SettingsError
from pressmark.storage.output.folder import PRIVATE, sync
from pressmark.storage.output.store import Progress, is_object_address
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import new_stamp
from pressmark.storage.search import between, check_outlet

__all__ = ["DATABASE", "FORMATS", "LINKS", "Exported", "Format", "Selected", "defused", "export", "stored"]

Format = Literal["csv", "jsonl", "sqlite", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
MEDIA_TYPES: Final = {"csv": "text/csv", "jsonl": "application/jsonlines", "parquet": PARQUET, "sqlite": None}
DATABASE: Final = "pressmark.db"
# Fixed width, so that times sort as text.
RFC_3339: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"
# What spreadsheets compute; the wide forms are read alike where Chinese is typed.
FORMULA: Final = r"^[=+\-@\t\r\n＝＋－＠]"
# Rows of which some are held at once: an article may have many characters.
BATCH_ROWS: Final = 1 << 13
LINKS: Final = pa.schema([
    *keys_of("month"),
    column("paragraph_id", pa.string(), "the paragraph that holds this link"),
    column("article_id", pa.string(), "the article that holds this link"),
    column("position", pa.int32(), "position of the link in its paragraph, from 0"),
    LINK.field("href"),
    column("text_start", pa.int32(), "start of the link's text in `paragraphs.text`", unit="code points"),
    column("text_end", pa.int32(), "just past the link's text in `paragraphs.text`", unit="code points"),
])  # fmt: skip


class Selected(NamedTuple):
    """What is exported: the outlets (all, where none is named) and the time `[since, until)` of publication. Where
    anything is selected, `rejects` and `audits`, whose rows have neither, are left out."""

    outlets: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING: Final = Selected()


class Exported(NamedTuple):
    """The rows of each table, the size of each file in bytes, and the folder."""

    folder: Path
    rows: dict[str, int]
    sizes: dict[str, int]


class _Flat(NamedTuple):
    """A table without nested rows: its columns as they are exported, and its rows."""

    name: str
    meaning: str
    schema: pa.Schema
    key: tuple[str, ...]
    frame: pl.LazyFrame


def export(
    output: str | Path, folder: Path, kind: Format, selected: Selected = EVERYTHING, *, force: bool = False,
    defuse: bool = False, progress: Progress = lambda *_: None,
) -> Exported:  # fmt: skip
    """Write the tables of an output, as it is at this moment, to a folder; what was written. `force` replaces an
    earlier export. `defuse` is for CSV that goes to a spreadsheet: cells that it would compute get a `'`, and files a
    byte order mark. Raises `SettingsError` where the folder holds anything else, lies in the output, or an outlet is
    not there."""
    _check_place(output, folder, force=force)
    with Dataset(output) as dataset:
        _check_outlets(dataset, selected)
        flats = [_for(flat, kind, defuse=defuse) for flat in _flat_tables(dataset, selected)]
        counts = pl.collect_all([flat.frame.select(pl.len()) for flat in flats])
        rows = {flat.name: int(count.item()) for flat, count in zip(flats, counts, strict=True)}
        draft = folder.absolute().with_name(f".{folder.absolute().name}.{new_stamp().run_id}")
        draft.mkdir(parents=True)
        try:
            if kind == "sqlite":
                _write_database(draft / DATABASE, flats, lambda done: progress("export", done, sum(rows.values())))
            else:
                for number, flat in enumerate(flats):
                    _write_file(flat.frame, draft / f"{flat.name}.{kind}", defuse=defuse)
                    progress("export", sum(rows[one.name] for one in flats[: number + 1]), sum(rows.values()))
            for name, text in _texts(flats, kind, rows, draft, Output(dataset.folder)).items():
                (draft / name).write_text(text, "utf-8")
            sizes = {path.name: path.stat().st_size for path in sorted(draft.iterdir())}
            _settle(draft, folder.absolute(), force=force)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return Exported(folder, rows, sizes)


def stored(field: pa.Field, kind: Format) -> pa.Field:
    """A column as a format has it. Times and days are text in all but Parquet; lists are JSON as text in CSV and
    SQLite; bytes are base64 in CSV and JSON Lines. Numbers of 64 bits without a sign are text in SQLite, which has no
    such, and in JSON Lines, whose readers round them."""
    type_, form, facts = plain(field.type), "", dict(field.metadata)
    if pa.types.is_list(type_) and kind in ("csv", "sqlite"):
        type_, form = pa.string(), "; as JSON"
    elif (pa.types.is_timestamp(type_) or pa.types.is_date(type_)) and kind != "parquet":
        facts[b"stands_for"] = b"date" if pa.types.is_date(type_) else b"timestamp"
        type_, form = pa.string(), "; as in RFC 3339"
    elif pa.types.is_binary(type_) and kind in ("csv", "jsonl"):
        type_, form = pa.string(), "; in base64"
    elif pa.types.is_uint64(type_) and kind in ("sqlite", "jsonl"):
        type_, form = pa.string(), "; in decimal digits"
    facts[b"description"] += form.encode()
    return pa.field(field.name, type_, field.nullable, facts)


def _check_place(output: str | Path, folder: Path, *, force: bool) -> None:
    if is_object_address(str(folder).replace(":/", "://", 1)):
        raise SettingsError("an export is written to this machine", folder, "name a folder, and copy it from there")
    own = Path(output).resolve()
    if own in (folder.resolve(), *folder.resolve().parents) or (folder / PRIVATE).exists():
        raise SettingsError("an export does not go into an output", folder, "name a folder elsewhere")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    readme = folder / README
    if not readme.is_file() or mark_of(readme.read_text("utf-8", errors="replace")) is None:
        raise SettingsError("something else than an export is there", folder, "name a new folder")
    if not force:
        raise SettingsError("an export is there already", folder, "name another folder, or replace it with --force")


def _check_outlets(dataset: Dataset, selected: Selected) -> None:
    if selected.outlets:
        frames = [frame.select(pl.col("outlet").cast(pl.String)) for frame in (dataset.articles, dataset.revisions)]
        known = pl.concat(frames).unique().collect()["outlet"]
        for outlet in selected.outlets:
            check_outlet(outlet, known)


def _flat_tables(dataset: Dataset, selected: Selected) -> Iterator[_Flat]:
    for table in TABLES.values():
        frame: pl.LazyFrame = getattr(dataset, table.name)
        schema = table.schema
        if table.partitioned:
            # Days and years become months, too.
            month = pl.col("published_at").dt.strftime("%Y-%m").fill_null(UNKNOWN_MONTH)
            wanted = [pl.col("outlet").is_in(selected.outlets)] if selected.outlets else []
            wanted += between("published_at", selected.since, selected.until)
            frame = frame.with_columns(pl.col("outlet").cast(pl.String), month.alias("month")).filter(*wanted)
            schema = pa.schema([*keys_of("month"), *schema])
        elif any(selected) and table.name != "runs":
            continue
        if "links" in schema.names:
            schema = schema.remove(schema.get_field_index("links"))
        yield _Flat(table.name, table.meaning, schema, (table.schema.names[0],), frame)
        if table.name == "paragraphs":
            links = (
                frame.filter(pl.col("links").list.len() > 0)
                .with_columns(pl.int_ranges(0, pl.col("links").list.len(), dtype=pl.Int32).alias("position"))
                .select("outlet", "month", "paragraph_id", "article_id", "position", "links")
                .explode("position", "links")
                .unnest("links")
                .rename({"start": "text_start", "end": "text_end"})
            )
            yield _Flat("links", "One row per hyperlink of a paragraph.", LINKS, ("paragraph_id", "position"), links)


def _for(flat: _Flat, kind: Format, *, defuse: bool) -> _Flat:
    schema = pa.schema([stored(field, kind) for field in flat.schema])
    values = [_value(flat.schema.field(field.name), field) for field in schema]
    if defuse:
        values = [
            defused(value) if pa.types.is_string(field.type) else value
            for field, value in zip(schema, values, strict=True)
        ]  # fmt: skip
    return flat._replace(schema=schema, frame=flat.frame.select(values))


def defused(texts: pl.Expr) -> pl.Expr:
    """Texts with a `'` before those that a spreadsheet would compute."""
    return texts.str.replace(FORMULA, "'$0")


def _value(field: pa.Field, wanted: pa.Field) -> pl.Expr:
    value, type_ = pl.col(field.name), field.type
    if not pa.types.is_string(wanted.type):
        return value.cast(pl.List(pl.String)) if _is_of_texts(type_) else value
    if pa.types.is_list(type_):
        encoded = pl.struct((value.cast(pl.List(pl.String)) if _is_of_texts(type_) else value).alias("v"))
        said = encoded.struct.json_encode().str.strip_prefix('{"v":').str.strip_suffix("}")
        return pl.when(value.is_not_null()).then(said).alias(field.name)
    if pa.types.is_timestamp(type_):
        return value.dt.strftime(RFC_3339)
    if pa.types.is_date(type_):
        return value.dt.strftime("%Y-%m-%d")
    return value.bin.encode("base64") if pa.types.is_binary(type_) else value.cast(pl.String)


def _is_of_texts(type_: pa.DataType) -> bool:
    return pa.types.is_list(type_) and not pa.types.is_struct(type_.value_type)


def _write_file(frame: pl.LazyFrame, path: Path, *, defuse: bool) -> None:
    match path.suffix:
        case ".csv":
            # In quotes, so that readers that heed them know `2047` for a name, and nothing from an empty text.
            frame.sink_csv(path, quote_style="non_numeric", include_bom=defuse)
        case ".jsonl":
            frame.sink_ndjson(path)
        case _:
            frame.sink_parquet(path, row_group_size=BATCH_ROWS)


def _write_database(path: Path, flats: list[_Flat], progress: Callable[[int], None]) -> None:
    done = 0
    try:
        connection = sqlite3.connect(path)
        # Nobody sees the file before it is whole.
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
        for flat in flats:
            connection.execute(_statement(flat, {one.name for one in flats}))
            places = ", ".join("?" * len(flat.schema))
            for batch in flat.frame.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
                connection.executemany(f'INSERT INTO "{flat.name}" VALUES ({places})', batch.iter_rows())
                done += batch.height
                progress(done)
            for names in (("outlet", "month"), ("published_at",), ("article_id",), ("run_id",)):
                if set(names) <= set(flat.schema.names) and names != flat.key:
                    columns = ", ".join(names)
                    connection.execute(f'CREATE INDEX "{flat.name}_{names[0]}" ON "{flat.name}" ({columns})')
        connection.execute("ANALYZE")
        connection.commit()
        connection.close()
    except sqlite3.Error as error:
        raise OutputError(
            f"the database can't be written ({error})", path, "free some space, or see `pressmark doctor`"
        ) from error


def _statement(flat: _Flat, there: set[str]) -> str:
    """The statement that makes a table; ids are keys, and lead to the rows that they name."""
    columns = [
        f'"{field.name}" {_sqlite_type(field.type)}{"" if field.nullable else " NOT NULL"}' for field in flat.schema
    ]
    columns.append(f"PRIMARY KEY ({', '.join(flat.key)})")
    columns += [
        f'FOREIGN KEY ("{name}") REFERENCES "{table}" ("{name}")'
        for name, table in _described(flat, "", None).references.items() if table in there
    ]  # fmt: skip
    return f'CREATE TABLE "{flat.name}" (\n  ' + ",\n  ".join(columns) + "\n)"


def _sqlite_type(type_: pa.DataType) -> str:
    if pa.types.is_integer(type_) or pa.types.is_boolean(type_):
        return "INTEGER"
    return "BLOB" if pa.types.is_binary(type_) else "TEXT"


def _texts(flats: list[_Flat], kind: Format, rows: dict[str, int], draft: Path, moment: Output) -> dict[str, str]:
    tables = [_described(flat, kind, rows[flat.name]) for flat in flats]
    for number, table in enumerate(tables if kind != "sqlite" else ()):
        with open(draft / table.files, "rb") as file:
            tables[number] = table._replace(sha256=hashlib.file_digest(file, "sha256").hexdigest())
    about = About(
        f"News, exported from {plain_words(draft.name.split('.')[1])}", WHAT.format(kind=kind, **rows),
        new_stamp().started_at.date(), READING[kind], tuple(tables), MEDIA_TYPES[kind],
    )  # fmt: skip
    texts = texts_of(with_origins(about, moment))
    if kind == "sqlite":
        described = {
            table.name: {
                "description": table.meaning,
                "columns": {field.name: field.metadata[b"description"].decode() for field in table.schema},
                **({"label_column": "title"} if table.name == "articles" else {}),
            }
            for table in tables
        }
        shown = {"title": about.name, "description": about.what, "databases": {"pressmark": {"tables": described}}}
        texts = {"metadata.json": json.dumps(shown, ensure_ascii=False, indent=1) + "\n", **texts}
    return texts


WHAT: Final = "{articles} archived news articles with {paragraphs} paragraphs, exported by pressmark as {kind}."
READING: Final = {
    "csv": "UTF-8, a comma between cells, text in quotes. CSV has no types: name those of `columns.csv` when you read, "
    "or an outlet called `2047` is taken for a number. An empty cell is nothing; `\"\"` is an empty text.",
    "jsonl": "One JSON object a line, in UTF-8.",
    "parquet": 'Read a file with `pl.read_parquet("articles.parquet")`, or all of them with '
    "`datasets.load_dataset(FOLDER, TABLE)`.",
    "sqlite": f"`datasette .` shows `{DATABASE}` with the descriptions of `metadata.json`.",
}  # fmt: skip


def _described(flat: _Flat, kind: str, rows: int | None) -> Described:
    file = DATABASE if kind == "sqlite" else f"{flat.name}.{kind}"
    sets = TABLES[flat.name].closed_sets if flat.name in TABLES else {}
    return Described(flat.name, flat.meaning, flat.schema, (), flat.key, sets, file, rows)


def _settle(draft: Path, folder: Path, *, force: bool) -> None:
    """Give a draft its place: at once where nothing is there, else file by file, the README last."""
    names = sorted(os.listdir(draft), key=lambda name: (name == README, name))
    for name in names:
        sync(draft / name)
    try:
        os.rename(draft, folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not force:
            raise
        known = {f"{table}.{kind}" for table in (*TABLES, "links") for kind in FORMATS}
        for name in (known | {DATABASE, "metadata.json", "croissant.json"}) - set(names):
            (folder / name).unlink(missing_ok=True)
        for name in names:
            os.replace(draft / name, folder / name)
    sync(folder.parent)

"""What a folder of tables says of itself, made from the schemas and `About`: a README that is a dataset card too,
Croissant's JSON-LD, a data contract by the Open Data Contract Standard, and a dictionary of columns as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import pyarrow as pa

from pressmark.schemas.contract import CONTRACT_VERSION, DICTIONARY, PARTITION_KEYS, TIMESTAMP, Table, column
from pressmark.schemas.tables import OF_ARTICLES

__all__ = [
    "About", "Described", "Origin", "column_lines", "described", "keys_of", "mark", "mark_of", "texts_of", "type_name",
]  # fmt: skip

# What a license field may say where none is known; the texts are their publishers'.
LICENSE: Final = "unknown"
KEY_TYPES: Final = {"string": pa.string(), "date": pa.date32(), "number": pa.int64()}
CROISSANT: Final = "http://mlcommons.org/croissant/1.0"
# As the validator has it; what differs is reported by it.
CONTEXT: Final[dict[str, Any]] = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#", "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in (
        "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
        "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references",
        "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
    )},
}  # fmt: skip


class Described(NamedTuple):
    """A table as a folder has it: all its columns, those first that its files' paths name; its key; the tables that
    columns lead to; and the name of its file, or the pattern of their names. `sha256` is that of a single file."""

    name: str
    meaning: str
    schema: pa.Schema
    in_path: tuple[str, ...]
    key: tuple[str, ...]
    closed_sets: dict[str, tuple[str, ...]]
    files: str
    rows: int | None
    sha256: str | None = None

    @property
    def references(self) -> dict[str, str]:
        found = {"article_id": "articles"} if self.name in (*OF_ARTICLES, "links") else {}
        found |= {"paragraph_id": "paragraphs", "run_id": "runs"}
        return {name: table for name, table in found.items() if name in self.schema.names and table != self.name
                and (name,) != self.key}  # fmt: skip


class Origin(NamedTuple):
    """A run that made rows: its id, when, the version of what read the sources, the archive, and of that the commit
    that was read, with its time, where it has commits; and the root over all rows, where the run is the latest."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    parser_version: str
    archive: str
    commit: str | None
    committed_at: datetime | None
    root: str | None


class About(NamedTuple):
    """A folder of tables: its name, a sentence on what it holds, the day on which it was made, how to read it
    (Markdown), its tables, and the media type of its files; None where neither Croissant nor a dataset card names such
    files. `origins` are the latest runs of each archive, the latest of all first, by this `version` of pressmark."""

    name: str
    what: str
    made_on: date
    reading: str
    tables: tuple[Described, ...]
    media_type: str | None
    origins: tuple[Origin, ...] = ()
    version: str = ""

    @property
    def filled(self) -> list[Described]:
        """The tables that have rows: readers fail on files that have none."""
        return [table for table in self.tables if table.rows != 0]


def keys_of(period: str) -> tuple[pa.Field, ...]:
    """The keys of a partition as columns: the outlet, and the month, day or year."""
    return tuple(column(key, KEY_TYPES[PARTITION_KEYS[key][0]], PARTITION_KEYS[key][1]) for key in ("outlet", period))


def described(table: Table, period: str, rows: int | None) -> Described:
    """A table of an output, in folders by outlet and `period` where it has partitions."""
    keys = keys_of(period) if table.partitioned else ()
    return Described(
        table.name, table.meaning, pa.schema([*keys, *table.schema]), tuple(key.name for key in keys),
        (table.schema.names[0],), table.closed_sets, f"{table.name}/{'**/' if keys else ''}*.parquet", rows,
    )  # fmt: skip


def texts_of(about: About) -> dict[str, str]:
    """The name and text of each file that describes a folder; the README, which `mark_of` finds, is the last one."""
    texts = {"columns.csv": _dictionary(about), "datacontract.yaml": _yaml(_contract(about))}
    if about.media_type is not None:
        texts["croissant.json"] = json.dumps(_croissant(about, about.media_type), ensure_ascii=False, indent=1) + "\n"
    return {**texts, "README.md": _readme(about)}


def mark(about: About) -> str:
    """The line by which a README that was made here is known, with all that is counted."""
    counts = " ".join(f"{table.name}={table.rows}" for table in about.tables if table.rows is not None)
    return f"{MARK} contract={CONTRACT_VERSION} {counts} -->"


def mark_of(readme: str) -> str | None:
    """The mark of a README; None where it has none, as its owner wrote it."""
    return next((line for line in readme.splitlines() if line.startswith(MARK)), None)


MARK: Final = "<!-- Made by pressmark, which writes this file again; without this line it leaves it alone."


def _readme(about: About) -> str:
    """Markdown, headed by the YAML of a dataset card: which files are which table, and the types that CSV lacks."""
    head: dict[str, Any] = {"pretty_name": about.name, "license": LICENSE, "tags": ["news", "pressmark"]}
    if about.media_type is not None:
        head["configs"] = [
            {"config_name": table.name, "data_files": table.files, **({} if number else {"default": True})}
            for number, table in enumerate(about.filled)
        ]
    if about.media_type == "text/csv":
        head["dataset_info"] = [
            {"config_name": table.name, "features": [
                {"name": field.name, "dtype": _named(field.type, FEATURE_TYPES)} for field in table.schema
            ]}
            for table in about.filled
        ]  # fmt: skip
    lines = [
        "---", _yaml(head).rstrip(), "---", "", mark(about), "", f"# {about.name}", "", about.what, "",
        "The texts belong to those who published them; nothing here gives a licence to them.", "",
        "| table | rows | a row is | files |", "|---|---:|---|---|",
        *(f"| [`{table.name}`](#{table.name}) | {'' if table.rows is None else table.rows} | {table.meaning} "
          f"| `{table.files}` |" for table in about.tables),
        "", about.reading, "",
        "`columns.csv` has the columns below as a table, `datacontract.yaml` is a data contract by the Open Data",
        "Contract Standard" + ("; `croissant.json` describes the files as Croissant 1.0." if about.media_type else "."),
    ]  # fmt: skip
    for table in about.tables:
        lines += ["", f"## {table.name}", "", table.meaning, "", *column_lines(table.schema)]
    return "\n".join(lines) + "\n"


def column_lines(schema: pa.Schema) -> list[str]:
    """A table in Markdown with a line for each column, and for each field of a list of structs."""
    cells = [
        (f"`{name}`", type_name(field.type), "yes" if field.nullable else "", unit, text.replace("|", "\\|"))
        for name, field, unit, text in _columns(schema)
    ]
    return ["| column | type | null | unit | meaning |", "|---|---|---|---|---|",
            *("| " + " | ".join(line) + " |" for line in cells)]  # fmt: skip


def type_name(type_: pa.DataType) -> str:
    """A type in words."""
    if type_ == DICTIONARY:
        return "dictionary of string"
    if pa.types.is_list(type_):
        return "list of struct" if pa.types.is_struct(type_.value_type) else f"list of {type_name(type_.value_type)}"
    if pa.types.is_timestamp(type_):
        return f"timestamp, {type_.unit}, {type_.tz}"
    return str(type_)


def _columns(schema: pa.Schema) -> Iterator[tuple[str, pa.Field, str, str]]:
    """Name, field, unit and meaning of each column and of what it consists of."""
    for field in schema:
        parts = [(field.name, field)]
        if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
            parts += [(f"{field.name}[].{inner.name}", inner) for inner in field.type.value_type]
        for name, one in parts:
            yield name, one, one.metadata.get(b"unit", b"").decode(), one.metadata[b"description"].decode()


def _dictionary(about: About) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("table", "column", "type", "nullable", "unit", "key", "meaning"))
    for table in about.tables:
        for name, field, unit, meaning in _columns(table.schema):
            key = "key" if name in table.key else table.references.get(name, "")
            nullable = "yes" if field.nullable else "no"
            writer.writerow((table.name, name, type_name(field.type), nullable, unit, key, meaning))
    return text.getvalue()


def _yaml(value: Any) -> str:
    import yaml  # most runs leave the texts as they are

    # The one in C takes a quarter of the time.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120))


def _croissant(about: About, media_type: str) -> dict[str, Any]:
    """See https://docs.mlcommons.org/croissant/docs/croissant-spec.html; files are named relative to this one."""
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CROISSANT,
        "name": about.name,
        "description": about.what,
        "version": f"{CONTRACT_VERSION}.0.0",
        "datePublished": about.made_on.isoformat(),
        "distribution": [_distribution(table, media_type) for table in about.filled],
        "recordSet": [
            {
                "@type": "cr:RecordSet", "@id": table.name, "name": table.name, "description": table.meaning,
                "key": [{"@id": f"{table.name}/{name}"} for name in table.key],
                "field": [_field(table, field) for field in table.schema],
            }
            for table in about.filled
        ],
        **_provenance(about),
    }  # fmt: skip


def _provenance(about: About) -> dict[str, Any]:
    """Where the rows come from, by https://www.w3.org/TR/prov-o/: each archive at the commit that was read, and the
    runs that read them."""
    if not about.origins:
        return {}
    archives = {f"archive-{number}": origin for number, origin in enumerate(about.origins)}
    return {
        "prov:wasDerivedFrom": [
            {"@type": "prov:Entity", "@id": name, "name": origin.archive, **_known({
                "identifier": origin.commit, "dateModified": _time(origin.committed_at),
            })}
            for name, origin in archives.items()
        ],
        "prov:wasGeneratedBy": [
            {
                "@type": "prov:Activity", "@id": f"run-{origin.run_id}", "name": origin.run_id,
                "prov:startedAtTime": _time(origin.started_at), "prov:endedAtTime": _time(origin.finished_at),
                "prov:used": {"@id": name},
                "prov:wasAssociatedWith": {
                    "@type": "prov:SoftwareAgent", "name": "pressmark", "version": about.version,
                    "identifier": f"parser {origin.parser_version}",
                },
                **_known({"identifier": origin.root and f"root {origin.root}"}),
            }
            for name, origin in archives.items()
        ],
    }  # fmt: skip


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _distribution(table: Described, media_type: str) -> dict[str, Any]:
    facts = {"@id": _files(table), "name": _files(table), "encodingFormat": media_type}
    if table.sha256 is None:
        return {"@type": "cr:FileSet", **facts, "includes": table.files}
    return {"@type": "cr:FileObject", **facts, "contentUrl": table.files, "sha256": table.sha256}


def _files(table: Described) -> str:
    return f"{table.name}-files"


def _field(table: Described, field: pa.Field) -> dict[str, Any]:
    kind = "fileSet" if table.sha256 is None else "fileObject"
    source: dict[str, Any] = {kind: {"@id": _files(table)}, "extract": {"column": field.name}}
    if field.name in table.in_path:
        source |= {"extract": {"fileProperty": "fullpath"}, "transform": {"regex": f".*/{field.name}=([^/]+)/.*"}}
    name = f"{table.name}/{field.name}"
    facts = {"@type": "cr:Field", "@id": name, "name": name, "description": field.metadata[b"description"].decode()}
    type_ = field.type
    if pa.types.is_list(type_):
        facts |= {"repeated": True}
        type_ = type_.value_type
    if not pa.types.is_struct(type_):
        return {**facts, "dataType": _named(_meant(field, type_), CROISSANT_TYPES), "source": source}
    parts = [
        {
            "@type": "cr:Field", "@id": f"{name}/{part.name}", "name": f"{name}/{part.name}",
            "description": part.metadata[b"description"].decode(), "dataType": _named(part.type, CROISSANT_TYPES),
            "source": {**source, "transform": {"jsonPath": part.name}},
        }
        for part in type_
    ]  # fmt: skip
    return {**facts, "source": source, "subField": parts}


def _contract(about: About) -> dict[str, Any]:
    """See https://bitol-io.github.io/open-data-contract-standard; version 3.1 is what most tools know."""
    first = about.tables[0]
    path = first.files.replace(first.name, "{model}", 1)
    server = {"server": "files", "type": "local", "path": path, "format": path.rpartition(".")[2]}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "pressmark",
        "name": about.name,
        "version": f"{CONTRACT_VERSION}.0.0",
        "status": "active",
        "description": {
            "purpose": about.what,
            "limitations": "The texts belong to those who published them; nothing here gives a licence to them.",
        },
        "servers": [server] if about.media_type is not None else [],
        "schema": [
            {
                "name": table.name, "physicalType": "table", "description": table.meaning,
                "properties": [_property(table, field) for field in table.schema],
            }
            for table in about.tables
        ],
    }  # fmt: skip


def _property(table: Described, field: pa.Field) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": field.name, **_logical(field.type, _meant(field, field.type)), "required": not field.nullable,
        "description": field.metadata[b"description"].decode(),
    }  # fmt: skip
    if field.name in table.key:
        facts |= {"primaryKey": True, "primaryKeyPosition": table.key.index(field.name) + 1}
        facts |= {"unique": True} if len(table.key) == 1 else {}
    if field.name in table.in_path:
        facts |= {"partitioned": True, "partitionKeyPosition": table.in_path.index(field.name) + 1}
    if field.name in table.references:
        other = table.references[field.name]
        facts["relationships"] = [{"type": "foreignKey", "to": f"{other}.{field.name}"}]
    if field.name in table.closed_sets and not pa.types.is_list(field.type):
        values = list(table.closed_sets[field.name])
        rule = {"type": "library", "metric": "invalidValues", "arguments": {"validValues": values}, "mustBe": 0}
        facts["quality"] = [rule]
    return facts


def _logical(type_: pa.DataType, meant: pa.DataType | None = None) -> dict[str, Any]:
    facts: dict[str, Any] = {"logicalType": _named(meant or type_, LOGICAL_TYPES), "physicalType": type_name(type_)}
    if pa.types.is_list(type_):
        facts["items"] = _logical(type_.value_type)
    if pa.types.is_struct(type_):
        facts["properties"] = [
            {"name": part.name, **_logical(part.type), "required": not part.nullable,
             "description": part.metadata[b"description"].decode()}
            for part in type_
        ]  # fmt: skip
    return facts


LOGICAL_TYPES: Final = (
    (pa.types.is_boolean, "boolean"), (pa.types.is_integer, "integer"), (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_date, "date"), (pa.types.is_list, "array"), (pa.types.is_struct, "object"),
)  # fmt: skip
CROISSANT_TYPES: Final = (
    (pa.types.is_boolean, "sc:Boolean"), (pa.types.is_uint64, "cr:UInt64"), (pa.types.is_integer, "sc:Integer"),
    (pa.types.is_timestamp, "sc:DateTime"), (pa.types.is_date, "sc:Date"), (lambda _: True, "sc:Text"),
)  # fmt: skip
FEATURE_TYPES: Final = ((pa.types.is_boolean, "bool"), (pa.types.is_uint64, "uint64"), (pa.types.is_integer, "int64"))


def _named(type_: pa.DataType, names: tuple[tuple[Any, str], ...]) -> str:
    return next((name for fits, name in names if fits(type_)), "string")


def _meant(field: pa.Field, type_: pa.DataType) -> pa.DataType:
    """The type of what a text stands for, where its metadata says so; else its own."""
    return {b"timestamp": TIMESTAMP, b"date": pa.date32()}.get(field.metadata.get(b"stands_for"), type_)

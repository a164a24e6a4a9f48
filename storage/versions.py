"""The parser with the registry of outlets, and the version of everything that decides what a row says."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pressmark import schemas, transforms
from pressmark.storage.errors import InputError

if TYPE_CHECKING:
    from pressmark.transforms.outlets import Outlets
    from pressmark.transforms.records import Article, Limits, Reading, Reject

__all__ = ["is_in_another_language", "load_outlets", "parse_source", "parser_version"]

# What a source says follows from these libraries, and of a record, from what undoes its encodings.
READERS: Final = ("dateparser", "idna", "py3langid", "pyromark", "pyyaml", "turbohtml")
OF_RECORDS: Final = ("jsonl.py", "saved.py", "warc.py")
# These check, compare or choose; what a source says does not depend on them.
NOT_DECIDING: Final = frozenset({
    "changes.py", "citation.py", "clusters.py", "comparison.py", "description.py", "explanation.py",
    "laws.py", "query.py", "rederivation.py", "reference.py", "revisions.py", "roots.py", "selection.py", "wording.py",
})  # fmt: skip


@lru_cache(maxsize=1)
def parser_version() -> str:
    """Changes whenever code, schemas, registry or a reader of markup change, so that a row can't be older than what
    made it: 16 hex digits over files of `transforms`, `schemas` and inputs, and the readers' versions."""
    digest = hashlib.sha256()
    for reader in READERS:
        try:
            digest.update(f"{reader} {version(reader)}\n".encode())
        except PackageNotFoundError:
            raise InputError("a reader of markup is not installed", reader, "install pressmark again") from None
    folders = [Path(package.__path__[0]) for package in (schemas, transforms)]
    paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in (".py", ".toml")]
    paths = [path for path in paths if path.name not in NOT_DECIDING]
    for path in (*paths, *(Path(__file__).parent / "inputs" / name for name in OF_RECORDS)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def parse_source(
    data: bytes, source_path: str, limits: Limits, latest: datetime, archive: str, reading: Reading
) -> Article | Reject:
    """The outcome of one source, by the registry that comes with the package; of a record, with its facts."""
    # A run that parses nothing, or leaves that to workers, does not load the parser.
    from pressmark.transforms.article import parse

    facts = getattr(data, "facts", None)
    return parse(data, source_path, load_outlets(), limits, latest, archive=archive, reading=reading, facts=facts)


def is_in_another_language(text: str, tag: str) -> bool:
    """Whether a text is in another language than that of a tag, where both are known."""
    from pressmark.transforms.language import UNDETERMINED, detect, family_of

    return len({family_of(tag), family_of(detect(text))} - {UNDETERMINED}) > 1


@lru_cache(maxsize=1)
def load_outlets() -> Outlets:
    """The registry that comes with the package."""
    from pressmark.transforms.outlets import Outlets, RegistryError

    path = Path(transforms.__path__[0]) / "outlets.toml"
    try:
        return Outlets.from_toml(path.read_text("utf-8"))
    except RegistryError as error:
        raise InputError(f"entry `{error.entry}`: {error.problem}", path, "mend the entry") from error
    except OSError as error:
        raise InputError("the outlet registry can't be read", path, "install pressmark again") from error

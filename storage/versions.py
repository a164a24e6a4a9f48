"""The parser with the registry of outlets, and the version of everything that decides what a row says."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pressmark import schemas, transforms
from pressmark.storage.errors import InputError

if TYPE_CHECKING:
    from pressmark.transforms.outlets import Outlets
    from pressmark.transforms.records import Article, Limits, Reading, Reject

__all__ = ["load_outlets", "parse_source", "parser_version"]


# These check, compare or choose; what a source says does not depend on them.
NOT_DECIDING: Final = frozenset({
    "comparison.py", "explanation.py", "laws.py", "periods.py", "reference.py", "revisions.py", "selection.py",
})  # fmt: skip


@lru_cache(maxsize=1)
def parser_version() -> str:
    """Changes whenever code, schemas, registry or HTML tokenizer change, so that a row can't be older than
    what made it: 16 hex digits over the files of `transforms` and `schemas` and the tokenizer's version."""
    # Reading the tokenizer's version file costs a tenth of loading it or its package's metadata.
    tokenizer = find_spec("turbohtml")
    if tokenizer is None or tokenizer.origin is None:
        raise InputError("the HTML tokenizer is not installed", "turbohtml", "install pressmark again")
    digest = hashlib.sha256(Path(tokenizer.origin).with_name("_version.py").read_bytes())
    for package in (schemas, transforms):
        for path in sorted(Path(package.__path__[0]).iterdir()):
            if path.suffix in (".py", ".toml") and path.name not in NOT_DECIDING:
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

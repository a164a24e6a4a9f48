"""The version of everything that decides what a row says, and the registry of outlets."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import turbohtml

import schemas
import transforms
from storage.errors import InputError
from transforms.outlets import Outlets

__all__ = ["load_outlets", "parser_version"]


@lru_cache(maxsize=1)
def parser_version() -> str:
    """Changes whenever code, schemas, registry or HTML tokenizer change, so that a row can't be older than
    what made it: 16 hex digits over the files of `transforms` and `schemas` and the tokenizer's version."""
    digest = hashlib.sha256(turbohtml.__version__.encode())
    for package in (schemas, transforms):
        for path in sorted(Path(package.__path__[0]).iterdir()):
            if path.suffix in (".py", ".toml"):
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def load_outlets() -> Outlets:
    """The registry that comes with the package."""
    path = Path(transforms.__path__[0]) / "outlets.toml"
    try:
        return Outlets.from_toml(path.read_text("utf-8"))
    except OSError as error:
        raise InputError("the outlet registry can't be read", path, "install pressmark again") from error

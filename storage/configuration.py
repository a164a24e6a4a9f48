"""`pressmark.toml`: what an archive's keeper says of it once, for every run.

Its keys are the names of settings that are about the archive. What is given on the command line or in Python goes
first, where it is not the default.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Final

from pressmark.storage.errors import SettingsError
from pressmark.storage.settings import IngestSettings, options

__all__ = ["ABOUT_THE_ARCHIVE", "FILE", "configured", "find_configuration"]

FILE: Final = "pressmark.toml"
ABOUT_THE_ARCHIVE: Final = (
    "archive", "include", "exclude", "history", "moves", "sync", "encoding", "markup", "zone", "single_outlet", "map",
    "max_source_mib", "max_ratio", "max_unpacked_gib",
)  # fmt: skip
KINDS: Final = {"bool": bool, "int": int, "str": str, "tuple": list}


def configured(settings: IngestSettings) -> IngestSettings:
    """The settings with what the archive's file says, where there is one. Raises `SettingsError` where it is wrong."""
    place = Path(settings.config) if settings.config is not None else find_configuration(Path(settings.source))
    if place is None:
        return settings
    defaults = {one.name: one.default for one in options()}
    said = _read(place)
    return settings.with_(**{name: value for name, value in said.items() if getattr(settings, name) == defaults[name]})


def find_configuration(source: Path) -> Path | None:
    """The file beside the archive: in its folder, or in the one that a single file is in."""
    place = (source if source.is_dir() else source.parent) / FILE
    return place if place.is_file() else None


def _read(place: Path) -> dict[str, Any]:
    try:
        said = tomllib.loads(place.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"it can't be read ({error.strerror})", place, "name the file with --config") from error
    except ValueError as error:
        raise SettingsError(
            f"it is no TOML ({error})", place, "correct it, or write it anew with `pressmark init`"
        ) from None
    if isinstance(keys := said.get("map"), dict):
        # On the command line all stand in one text.
        said["map"] = ",".join(f"{name}={key}" for name, key in keys.items())
    types = {one.name: "str" if one.type.startswith("Markup") else one.type for one in options()}
    for name, value in said.items():
        if name not in ABOUT_THE_ARCHIVE:
            near = difflib.get_close_matches(name, ABOUT_THE_ARCHIVE, 1)
            remedy = f"did you mean `{near[0]}`?" if near else f"it takes {', '.join(ABOUT_THE_ARCHIVE)}"
            raise SettingsError(f"it has no key `{name}`", place, remedy)
        kind = KINDS[types[name].partition(" ")[0].partition("[")[0]]
        texts = kind is not list or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        if type(value) is not kind or not texts:
            shape = {list: "a list of texts", str: "a text", int: "a whole number", bool: "true or false"}[kind]
            raise SettingsError(f"`{name}` must be {shape}", place, "correct it")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}

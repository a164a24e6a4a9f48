"""How to reach an object store: from the environment and, for S3, from the profile in AWS' own files."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Final

__all__ = ["allows_http", "s3_config"]

# Each with the variables that AWS' own tools read; obstore takes the same names in small letters.
VARIABLES: Final = {
    "aws_access_key_id": ("AWS_ACCESS_KEY_ID",),
    "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "aws_session_token": ("AWS_SESSION_TOKEN",),
    "aws_region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "aws_endpoint_url": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}
PROFILE_KEYS: Final = {
    "aws_access_key_id": "aws_access_key_id",
    "aws_secret_access_key": "aws_secret_access_key",
    "aws_session_token": "aws_session_token",
    "aws_region": "region",
    "aws_endpoint_url": "endpoint_url",
}
TRUE: Final = frozenset({"1", "true", "yes", "on"})


def s3_config() -> dict[str, str]:
    """Keys, region and endpoint: variables first, then the profile that `AWS_PROFILE` names, or `default`.

    What neither tells is left to the client, which asks the machine for its role.
    """
    found = {key: value for key, value in _profile().items() if value}
    given = {key: os.environ[name] for key, names in VARIABLES.items() for name in reversed(names) if _set(name)}
    if "aws_access_key_id" in given:
        # A token belongs to its key.
        found.pop("aws_session_token", None)
    return {**found, **given}


def allows_http() -> bool:
    """Whether an endpoint may be reached without encryption."""
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in TRUE


def _set(name: str) -> bool:
    return bool(os.environ.get(name))


def _profile() -> dict[str, str]:
    name = os.environ.get("AWS_PROFILE") or "default"
    home = Path(os.environ.get("HOME", "~")).expanduser()
    places = (
        (
            os.environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config",
            ("default" if name == "default" else f"profile {name}"),
        ),
        (os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials", name),
    )
    found: dict[str, str] = {}
    for path, section in places:
        parser = configparser.RawConfigParser()
        parser.read(path, "utf-8")
        if parser.has_section(section):
            values = parser[section]
            found |= {key: values[option] for key, option in PROFILE_KEYS.items() if option in values}
    return found

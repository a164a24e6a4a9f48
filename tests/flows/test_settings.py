"""Each setting is written once: help, the flow's parameters and `runs.arguments` follow from it."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from archives import WriteArticle, read_table

from pressmark.flows.cli import build_parser, main, settings_of
from pressmark.schemas.contract import PERIODS
from pressmark.storage import settings
from pressmark.storage.errors import SettingsError
from pressmark.storage.settings import IngestSettings, options

NAMES = [option.name for option in options()]


def parser_of(command: str) -> argparse.ArgumentParser:
    (commands,) = [action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    parser: argparse.ArgumentParser = commands.choices[command]
    return parser


@pytest.mark.parametrize("command", ["ingest", "serve"])
def test_a_command_has_each_setting_once_with_its_help(command: str) -> None:
    found = [action.dest for action in parser_of(command)._actions]
    assert sorted(name for name in found if name in NAMES) == sorted(NAMES)
    assert len(found) == len(set(found))
    helps = {action.dest: action.help for action in parser_of(command)._actions}
    for option in options():
        if option.name not in ("source", "output"):
            assert helps[option.name] == option.help


@pytest.mark.slow
def test_the_flow_has_each_setting_once_with_its_type_default_and_help() -> None:
    from pressmark.flows.ingest import ingest

    properties = ingest.parameters.properties
    assert list(properties) == [*NAMES, "then_run", "page"]
    for option in options():
        shown = properties[option.name]
        assert shown["description"] == option.help
        assert shown["default"] == (list(option.default) if isinstance(option.default, tuple) else option.default)
    assert properties["include"]["type"] == "array"
    assert properties["partition"]["anyOf"][0]["enum"] == list(PERIODS)
    assert properties["since"]["anyOf"][0]["format"] == "date-time"


@pytest.mark.parametrize("given", ["2025", 2025, "2025-01", "2025-01-01T00:00:00Z"])
def test_the_flow_takes_a_year_for_one_and_not_for_seconds(given: object) -> None:
    from pressmark.flows.ingest import ingest

    assert ingest.validate_parameters({"since": given})["since"] == datetime(2025, 1, 1, tzinfo=UTC)
    assert ingest.validate_parameters({"since": None})["since"] is None


def test_a_run_writes_down_each_setting_that_can_change_rows(
    archive: Path, write_article: WriteArticle, tmp_path: Path
) -> None:
    write_article("a.md")
    assert main(["ingest", str(archive), str(tmp_path / "out")]) == 0
    (row,) = read_table(tmp_path / "out", "runs").to_pylist()
    # Beside the settings stand the archives that the output holds, which no one asks for.
    expected = {"archives", *(option.name for option in options() if option.rows)}
    assert json.loads(row["arguments"]).keys() == expected


def test_arguments_become_settings_and_settings_become_parameters_again() -> None:
    words = ["in", "out", "--include", "*.md", "--include", "*.txt", "--no-sync", "--since", "2025-03-01", "--outlet",
             "rfi", "--buckets", "4", "--history", "--partition", "day"]  # fmt: skip
    found = settings_of(parser_of("ingest").parse_args(words))
    assert found == IngestSettings(
        source="in", output="out", include=("*.md", "*.txt"), sync=False, since=datetime(2025, 3, 1, tzinfo=UTC),
        outlets=("rfi",), buckets=4, history=True, partition="day",
    )  # fmt: skip
    assert IngestSettings(**found.parameters()) == found
    assert settings_of(parser_of("ingest").parse_args([])) == IngestSettings()


def test_periods_are_those_of_the_contract() -> None:
    assert settings.PERIODS == PERIODS


@pytest.mark.parametrize(
    ("wrong", "what"),
    [({"buckets": 0}, "at least 1"), ({"partition": "week"}, "month, day, year"), ({"archive": " "}, "no name"),
     ({"include": ("!x",)}, "a pattern is wrong")],
    ids=["no buckets", "no such period", "no name", "no pattern"],
)  # fmt: skip
def test_a_setting_that_can_not_be_used_is_named(wrong: dict[str, object], what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        IngestSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [({"workers": "2"}, "a whole number"), ({"workers": True}, "a whole number"), ({"workers": 1.5}, "a whole number"),
     ({"history": "no"}, "true or false"), ({"since": "2025"}, "a time"), ({"archive": 3}, "a text"),
     ({"include": [1]}, "a list of texts"), ({"outlets": 5}, "a list of texts")],
    ids=str,
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_the_one_that_is_meant(given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=f"`{next(iter(given))}` must be {said}"):
        IngestSettings(**given)  # type: ignore[arg-type]


def test_a_map_is_taken_as_pressmark_toml_has_it() -> None:
    assert IngestSettings(map={"url": "link"}).keys == {"url": "link"}  # type: ignore[arg-type]


def test_a_text_is_one_pattern() -> None:
    assert IngestSettings(include="*.md").include == ("*.md",)  # type: ignore[arg-type]

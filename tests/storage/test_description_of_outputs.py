"""An output says what it is: written by the run that changes tables, and never over a file of somebody else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import open_data_contract_standard
import pytest
import yaml
from archives import News, ingest, writer
from repositories import Repository, article

import pressmark
from pressmark.flows.cli import main
from pressmark.schemas import TABLES
from pressmark.storage.description import describe
from pressmark.storage.output.tables import Output

NAMES = ("README.md", "columns.csv", "croissant.json", "datacontract.yaml")
STANDARD = Path(open_data_contract_standard.__file__).with_name("schema.json")


def times(output: Path) -> list[int]:
    return [os.stat(output / name).st_mtime_ns for name in NAMES]


@pytest.mark.parametrize("period", ["month", "year"])
def test_an_output_describes_every_table_to_people_and_programs(period: str, news: News) -> None:
    news.write("a.md")
    ingest(news.archive, news.out, partition=period, described=True, archive="<b>|`x`|\n# y: [z](w)")
    readme = (news.out / "README.md").read_text("utf-8")
    assert "# News of ·b···x···· y· ·z··w·\n" in readme
    assert "| [`articles`](#articles) | 1 |" in readme
    head = yaml.safe_load(readme.split("---\n")[1])
    tables = ["articles", "paragraphs", "runs"]
    assert [one["config_name"] for one in head["configs"]] == tables
    assert all(list(news.out.glob(one["data_files"])) for one in head["configs"])
    contract = yaml.safe_load((news.out / "datacontract.yaml").read_text("utf-8"))
    validator = jsonschema.validators.validator_for(schema := json.loads(STANDARD.read_text("utf-8")))
    assert [error.message for error in validator(schema).iter_errors(contract)] == []
    croissant = json.loads((news.out / "croissant.json").read_text("utf-8"))
    # What `mlcroissant validate` asks for: ids that are unique, sources that are there, and a type for each field.
    files = {one["@id"]: one["includes"] for one in croissant["distribution"]}
    for table, described in zip(tables, croissant["recordSet"], strict=True):
        keys = ["outlet", period] if TABLES[table].partitioned else []
        assert [field["@id"] for field in described["field"]] == [
            f"{table}/{name}" for name in (*keys, *TABLES[table].schema.names)
        ]
        for field in described["field"]:
            assert {"@type", "name", "description", "source"} <= field.keys()
            assert field.keys() & {"dataType", "subField"}
            assert files[field["source"]["fileSet"]["@id"]].startswith(f"{table}/")


def test_croissant_says_which_commit_of_which_archive_it_is_from(tmp_path: Path) -> None:
    repository, out = Repository(tmp_path / "news.git"), tmp_path / "out"
    repository.commit({"a.md": article("a")})
    folder = tmp_path / "more"
    writer(folder)("b.md", url="https://songling-times.example/b")
    ingest(folder, out, archive="more", described=True)
    done = ingest(repository.path, out, 2, archive="news")
    found = json.loads((out / "croissant.json").read_text("utf-8"))
    assert found["@context"]["prov"] == "http://www.w3.org/ns/prov#"
    first, second = found["prov:wasDerivedFrom"]
    assert (first["name"], first["identifier"]) == ("news", repository.commits[-1])
    assert (second["name"], second.keys() & {"identifier", "dateModified"}) == ("more", set())
    told = [(one["@id"], one["prov:used"]["@id"], one.get("identifier")) for one in found["prov:wasGeneratedBy"]]
    assert told == [("run-run-2", first["@id"], f"root {done.root}"), ("run-run-1", second["@id"], None)]
    assert all(one["prov:startedAtTime"] <= one["prov:endedAtTime"] for one in found["prov:wasGeneratedBy"])
    assert {one["prov:wasAssociatedWith"]["version"] for one in found["prov:wasGeneratedBy"]} == {pressmark.__version__}


def test_only_a_run_that_changes_tables_writes_it_and_not_over_an_owners(
    news: News, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md")
    ingest(news.archive, news.out, described=True)
    before = times(news.out)
    ingest(news.archive, news.out, 2)
    assert times(news.out) == before
    (news.out / "README.md").unlink()
    ingest(news.archive, news.out, 3)
    assert (news.out / "README.md").exists()
    news.write("b.md", url="https://songling-times.example/b")
    ingest(news.archive, news.out, 4)
    assert "articles=2" in (news.out / "README.md").read_text("utf-8")
    (news.out / "README.md").write_text("mine", "utf-8")
    before = times(news.out)
    news.write("c.md", url="https://songling-times.example/c")
    ingest(news.archive, news.out, 5)
    assert times(news.out) == before
    assert describe(Output(news.out)) == []
    assert main(["describe", str(news.out)]) == 3
    assert "somebody else" in capsys.readouterr().err

"""The commands as a person calls them: what they print, and their exit codes."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from unittest.mock import Mock

import polars as pl
import pytest
from archives import ROOT, News, ingest, read_table

from pressmark.flows.arguments import COMMANDS
from pressmark.flows.cli import main


@pytest.fixture
def output(seeds: Path, tmp_path: Path) -> Path:
    ingest(seeds, tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert re.search(f"example:\n  .*pressmark {command}", text)
    assert "exit codes:" in text


@pytest.mark.parametrize(
    "words",
    [["ingest", "", "out"], ["ingest", "news", ""], ["ingest", "news", "", "--dry-run"], ["serve", "news", ""],
     ["status", ""], ["verify", ""], ["search", "lamp", ""], ["export", "", "--to", "../files", "--format", "csv"],
     ["keep", ""], ["load", "", "duckdb:a.duckdb"], ["browse", ""], ["changes", " "]],
    ids=" ".join,
)  # fmt: skip
def test_an_empty_address_is_refused_and_never_the_working_folder(
    words: list[str], news: News, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md")
    monkeypatch.chdir(news.archive)
    assert main(words) == 2
    assert "has no address" in capsys.readouterr().err
    assert [path.name for path in news.archive.iterdir()] == ["a.md"]


def test_arguments_in_the_wrong_order_write_nothing_into_the_archive(
    news: News, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md")
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    assert main(["ingest", str(news.out), str(news.archive)]) == 3
    assert "this is an output, and no archive" in capsys.readouterr().err
    assert main(["init", str(news.out)]) == 3
    assert not (news.out / "pressmark.toml").exists()
    assert main(["ingest", str(news.archive / "nowhere"), str(news.archive)]) == 3
    assert [path.name for path in news.archive.iterdir()] == ["a.md"]
    # An output may lie in its archive's folder, though.
    assert main(["ingest", str(news.archive), str(news.archive)]) == 0
    assert main(["ingest", str(news.archive), str(news.archive)]) == 0


def test_strict_turns_rejects_into_an_exit_code(news: News) -> None:
    news.write("a.md")
    assert main(["ingest", str(news.archive), str(news.out), "--strict"]) == 0
    (news.archive / "empty.md").write_bytes(b"")
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    assert main(["ingest", str(news.archive), str(news.out), "--strict"]) == 1


def test_json_holds_the_run_that_the_table_logs(
    seeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", str(seeds), str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    (row,) = read_table(tmp_path / "out", "runs").to_pylist()
    times = {"started_at", "finished_at"}
    assert {k: v for k, v in printed.items() if k not in times} == {k: v for k, v in row.items() if k not in times}
    for name in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", printed[name])
        assert datetime.fromisoformat(printed[name]) == row[name]


def test_a_dry_run_changes_nothing(seeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", str(seeds), str(tmp_path / "out"), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["sources"] == plan["to_parse"] > 36
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["ingest", "--workers", "0"], "must be at least 1, not 0"),
        (["ingest", "--workers", "many"], "`many` is no whole number"),
        (["search", "lamp", "--limit", "9" * 20], f"must be at most {2**31 - 1}, not"),
        (["browse", "--port", "65536"], "must be at most 65535, not 65536"),
        (["trace", "a-0000", "--context", "-5"], "must be at least 0, not -5"),
        (["audit", "--share", "half"], "`half` is no number"),
        (["changes", "--until", "2025-W02"], "`2025-W02` is no date; write 2025-03-01, 2025-03 or 2025"),
        (["search", "lamp", "--since", "2026", "--until", "2020"], "no day is in this span"),
        (["ingest", "a", "b", "c"], "`ingest` takes no such argument: `c`"),
        (["ingest", "--include", "!x"], "write it as in `.gitignore`"),
        (["search", "-lamp", "out"], "`pressmark search -- -word output`"),
        (["ingest", "--wrkers", "2"], "did you mean `--workers`?"),
        (["explain"], "required: source_file"),
        (["ingset"], "there is no such command: `ingset`; did you mean `ingest`?"),
        (["nothing"], "see `pressmark --help`"),
        ([], "required: COMMAND"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_arguments_end_with_2_and_one_line(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pressmark: ")
    assert len(captured.err.splitlines()) == 1
    assert what in captured.err


def test_the_version_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    captured = capsys.readouterr()
    assert ended.value.code == 0
    assert re.fullmatch(r"pressmark \d+\.\d+.*\n", captured.out)
    assert captured.err == ""


def test_help_starts_without_what_only_commands_need() -> None:
    program = "import sys; from pressmark.flows.cli import main; main(['--help'])"
    command = [sys.executable, "-c", f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); {program}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert loaded.isdisjoint({"pyarrow", "polars", "prefect", "duckdb", "rich", "shtab", "pathspec"})


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["ingest", "nowhere", "out"], "give the folder that holds the archive"),
        (["verify", "nowhere"], "ingest first"),
        (["status", "nowhere"], "ingest first"),
        (["trace", "x-0000", "nowhere"], "ingest first"),
        (["explain", "nowhere.md"], "name one file of an archive"),
        (["explain", "archive"], "name one file of it, such as `archive/a.md`"),
    ],
    ids=["ingest", "verify", "status", "trace", "explain", "explain a folder"],
)
def test_what_cannot_run_ends_with_3_and_a_remedy_as_text_or_as_json(
    news: News, arguments: list[str], remedy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md")
    monkeypatch.chdir(news.folder)
    assert main(arguments) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert remedy in captured.err
    assert main([*arguments, "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["code", "message", "where", "remedy"]
    assert remedy in found["remedy"]
    assert found["code"] in ("input", "output")


@pytest.mark.parametrize(
    ("more", "remedy"),
    [
        (["--include", "*.none"], "look at the path, --include and --exclude"),
        (["--exclude", "*.md"], "look at the path, --include and --exclude"),
        (["--include", "bad.md"], "was rejected; see the reasons"),
        (["--outlet", "nobody"], "no article is from --outlet nobody"),
    ],
    ids=["nothing included", "all excluded", "all rejected", "no such outlet"],
)
def test_a_run_that_takes_nothing_ends_with_1_and_says_what_to_do(
    news: News, more: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md")
    (news.archive / "bad.md").write_bytes(b"")
    for _ in range(2):
        assert main(["ingest", str(news.archive), str(news.out), *more]) == 1
        assert remedy in capsys.readouterr().err


@pytest.mark.slow
def test_archives_of_one_output_are_counted_and_verified_each_by_its_name(
    news: News, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(news.out)
    path = news.write("a.md")
    assert main(["ingest", str(seeds), output]) == 0
    capsys.readouterr()
    assert main(["ingest", str(news.archive), output, "--archive", "small", "--strict", "--max-reject-share", "0"]) == 0
    assert "kept with" not in capsys.readouterr().out
    assert main(["status", output, "--archive", "small", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["articles"] for row in found["partitions"]] == [1]
    assert found["rejects"] == {}
    assert found["last_run"]["archive"] == "small"
    path.write_bytes(path.read_bytes() + b"<p>more</p>")
    assert main(["verify", output, "--archive", "seeds"]) == 0
    assert main(["verify", output, "--archive", "small"]) == 1
    assert main(["verify", output]) == 1
    assert main(["status", output, "--archive", "other"]) == 3
    assert "name one that it has: `small`, `seeds`" in capsys.readouterr().err


def test_verify_finds_a_changed_source(news: News, capsys: pytest.CaptureFixture[str]) -> None:
    path = news.write("a.md")
    main(["ingest", str(news.archive), str(news.out)])
    capsys.readouterr()
    path.write_bytes(path.read_bytes() + b"<p>more</p>")
    assert main(["verify", str(news.out), "--json"]) == 1
    breaches = json.loads(capsys.readouterr().out)["breaches"]
    assert [(breach["law"], breach["source_path"]) for breach in breaches] == [(1, "a.md")]


def test_verify_says_first_that_an_input_is_another_archive(
    output: Path, seeds: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(output), str(seeds / "harbour-gazette")]) == 1
    printed = capfd.readouterr()
    first = printed.err.splitlines()[0]
    assert re.fullmatch(
        r"pressmark: this input has 0 of the \d+ sources .* `seeds`; is `.*/harbour-gazette` the right one\?", first
    )
    assert len(printed.out.splitlines()) < 40


def test_trace_shows_exactly_the_bytes_of_the_span(news: News, capsys: pytest.CaptureFixture[str]) -> None:
    path = news.write("a.md", body="<p>松岭市<b>图书馆</b> &amp; 剧院</p>")
    main(["ingest", str(news.archive), str(news.out)])
    (row,) = read_table(news.out, "paragraphs").to_pylist()
    capsys.readouterr()
    assert main(["trace", row["paragraph_id"], str(news.out), "--json"]) == 0
    traced = json.loads(capsys.readouterr().out)
    span = "松岭市<b>图书馆</b> &amp; 剧院".encode()
    assert bytes.fromhex(traced["span_hex"]) == span
    assert path.read_bytes()[row["byte_start"] : row["byte_end"]] == span
    assert main(["trace", row["paragraph_id"], str(news.out), "--hexdump"]) == 0
    text = capsys.readouterr().out
    assert f"⟦{span.decode()}⟧" in text
    assert f"{row['byte_start']:08x}  {span[:16].hex(' ')}" in text


def test_trace_shows_no_half_characters_at_the_edges_of_the_context(
    news: News, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md", body="<p>松岭</p><p>图书馆</p><p>剧院</p>")
    main(["ingest", str(news.archive), str(news.out)])
    row = read_table(news.out, "paragraphs").to_pylist()[1]
    capsys.readouterr()
    edges = set()
    for context in ("10", "11"):
        assert main(["trace", row["paragraph_id"], str(news.out), "--context", context]) == 0
        edges.add(capsys.readouterr().out.splitlines()[-1])
    assert edges == {"岭</p><p>⟦图书馆⟧</p><p>剧"}


def test_trace_refuses_a_source_that_changed(news: News, capsys: pytest.CaptureFixture[str]) -> None:
    path = news.write("a.md")
    main(["ingest", str(news.archive), str(news.out)])
    row = read_table(news.out, "paragraphs").to_pylist()[0]
    path.write_bytes(b"other")
    assert main(["trace", row["paragraph_id"], str(news.out)]) == 3
    assert "ingest it again" in capsys.readouterr().err


@pytest.mark.slow
def test_status_counts_what_the_tables_hold(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(output), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    for name in ("articles", "paragraphs", "revisions"):
        assert sum(row[name] for row in facts["partitions"]) == read_table(output, name).num_rows
    assert sum(facts["rejects"].values()) == read_table(output, "rejects").num_rows
    assert main(["status", str(output)]) == 0
    assert "last run run-1" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "unneeded"),
    [
        (
            "import pressmark.flows.commands.running, pressmark.storage.ingestion; "
            "from pressmark.flows import cli; cli.build_parser()",
            ("prefect", "shtab", "yaml", "pressmark.transforms.dates", "pressmark.transforms.article"),
        ),
        ("import importlib; from pressmark.storage.pool import PRELOADED; [*map(importlib.import_module, PRELOADED)]",
         ("prefect", "polars", "numpy", "yaml", "pressmark.storage.ingestion")),
    ],
    ids=["what runs a plan", "what workers are forked from"],
)  # fmt: skip
def test_processes_load_what_they_need_and_no_more(program: str, unneeded: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {*unneeded} & {*done.stdout.split()}


@pytest.mark.slow
def test_the_program_has_one_pool_of_memory_for_all_that_arrow_does(output: Path) -> None:
    program = (
        "import atexit, sys\n"
        f"sys.argv = ['pressmark', 'status', {str(output)!r}]\n"
        "atexit.register(lambda: print(sys.modules['pyarrow'].default_memory_pool().backend_name))\n"
        "from pressmark.flows.cli import script; script()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "system"


@pytest.mark.slow
def test_a_terminal_without_the_characters_gets_their_numbers(output: Path) -> None:
    command = [sys.executable, "-m", "pressmark.flows.cli", "search", "渡轮", str(output), "--limit", "1"]
    plain, as_json = (
        subprocess.run(words, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True).stdout
        for words in (command, [*command, "--json"])
    )
    assert "渡轮" in plain.decode("unicode_escape")
    assert "渡轮" in json.loads(as_json)["text"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [(["status"], "No space left on device"), (["status", "nowhere", "--json"], "no run has written")],
)  # fmt: skip
def test_what_can_not_be_printed_ends_with_3_and_says_why(output: Path, words: list[str], said: str) -> None:
    command = [sys.executable, "-m", "pressmark.flows.cli", *words, *([] if words[1:] else [str(output)])]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
    assert said in done.stderr


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for command in COMMANDS:
        assert f"pressmark {command}" in readme


def test_a_full_disk_is_told_in_the_same_words_whoever_met_it(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = os.strerror(errno.ENOSPC)
    for error in (
        OSError(f"{full} (os error 28)"), shutil.Error([("a", "b", f"[Errno 28] {full}: 'a' -> 'b'")]),
        pl.exceptions.ComputeError(f"parquet: underlying IO error: {full} (os error 28)"),
    ):  # fmt: skip
        monkeypatch.setattr(shutil, "copytree", Mock(side_effect=error))
        assert main(["browse", str(output), "--static", str(tmp_path / "static")]) == 3
        assert f"pressmark: {full}: `this machine`; free some space, and run again\n" in capsys.readouterr().err


def test_a_full_disk_ends_with_3_and_changes_nothing(
    news: News, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    news.write("a.md")
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    before = news.files()
    news.write("b.md", url="https://songling-times.example/b")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert main(["ingest", str(news.archive), str(news.out)]) == 3
    assert "No space left on device: `this machine`; free some space, and run again" in capsys.readouterr().err
    assert news.files() == before
    assert main(["ingest", str(news.archive), str(news.out)]) == 0
    assert read_table(news.out, "articles").num_rows == 2


@pytest.mark.parametrize("words", [["search", "lamp"], ["report"], ["clusters"], ["ingest"]], ids=str)
def test_a_damaged_file_of_an_output_is_told_with_the_remedy(
    words: list[str], output: Path, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = next((output / "paragraphs").rglob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert main([*words, *([str(seeds)] if words == ["ingest"] else []), str(output)]) == 3
    said = capsys.readouterr().err.splitlines()[-1]
    assert re.search(f"can't be read .*`{output}.*remove it and ingest its sources again", said)


def test_no_command_leaves_half_a_file_on_a_full_disk(
    output: Path, seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paragraph = read_table(output, "paragraphs")["paragraph_id"][0].as_py()
    place = str(tmp_path / "file")
    monkeypatch.setattr(os, "fsync", Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    for words in (["cite", paragraph, str(output), str(seeds)], ["clusters", str(output)]):
        assert main([*words, "--to", place]) == 3
        assert f"No space left on device: `{place}`; free some space" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [output.name]

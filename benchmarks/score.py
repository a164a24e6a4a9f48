"""Scores roles on the hand-labelled articles: the table, each outlet, and what is lost without its registry entry.

    python benchmarks/score.py [--errors]

The labelled sources are ingested by themselves: two of them are superseded by another source of the same article when
the whole corpus is ingested, and would count as missing. The scorer beside the labels then reads the output folder.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.scoring import SHARED, gold_articles, score, without
from pressmark.storage.versions import load_outlets

WORK = Path(__file__).parent.parent / ".bench"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", action="store_true", help="list every block with a wrong role")
    arguments = parser.parse_args()
    if not (SHARED / "gold").is_dir():
        print(f"the score needs hand-labelled articles; `{SHARED / 'gold'}` is not there", file=sys.stderr)
        return 2
    articles = gold_articles()
    archive, output = WORK / "gold", WORK / "gold-output"
    for folder in (archive, output):
        shutil.rmtree(folder, ignore_errors=True)
    for gold in articles:
        target = archive / gold["source_path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHARED / "corpus" / gold["source_path"], target)
    pressmark = str(Path(sys.executable).with_name("pressmark"))
    subprocess.run([pressmark, "ingest", str(archive), str(output)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, str(SHARED / "gold" / "score.py"), str(output)], check=True)
    outlets = load_outlets()
    scores = score(articles, outlets)
    print("\n| outlet | blocks | role accuracy | content F1, chars | without its registry entry | drop |")
    print("|---|---:|---:|---:|---:|---:|")
    left_out_right = left_out_found = 0
    for slug, own in sorted(scores.items()):
        if slug == "all":
            continue
        left_out = score(articles, without(outlets, slug))[slug]
        left_out_right += left_out.right
        left_out_found += left_out.found
        drop = own.accuracy - left_out.accuracy
        shares = f"{own.accuracy:.4f} | {own.content_f1:.4f} | {left_out.accuracy:.4f} | {drop:.4f}"
        print(f"| {slug} | {own.blocks} | {shares} |")
    total, left_out_share = scores["all"], left_out_right / left_out_found
    print(
        f"| all | {total.blocks} | {total.accuracy:.4f} | {total.content_f1:.4f} | {left_out_share:.4f} "
        f"| {total.accuracy - left_out_share:.4f} |"
    )
    if arguments.errors:
        print()
        for path, right, said, text in total.errors:
            print(f"{path}: `{right}` and not `{said}`: {text[:60]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

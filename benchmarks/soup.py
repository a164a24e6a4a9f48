"""The script most people would write: Beautiful Soup with lxml, `p` texts, pyarrow. Two processes.

usage: soup.py SOURCE OUTPUT
"""

import re
import sys
from multiprocessing import Pool
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from bs4 import BeautifulSoup

HEADER = re.compile(r"<!--(-?\d+)-->\s*\[(.*?)\]\((.*?)\)\s*-{3,}\s*", re.DOTALL)


def parse(path: Path) -> list[dict[str, object]]:
    text = path.read_text("utf-8")
    header = HEADER.match(text)
    if header is None:
        return []
    soup = BeautifulSoup(text[header.end() :], "lxml")
    return [
        {"path": str(path), "published_ms": int(header[1]), "title": header[2], "url": header[3], "text": paragraph}
        for paragraph in (element.get_text(" ", strip=True) for element in soup.find_all("p"))
        if paragraph
    ]


def main(source: Path, output: Path) -> None:
    with Pool(2) as pool:
        rows = [row for rows in pool.imap(parse, sorted(source.rglob("*.md")), chunksize=50) for row in rows]
    output.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), output / "paragraphs.parquet", compression="zstd")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

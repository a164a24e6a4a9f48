"""The bare floor: read, parse with turbohtml, `p` text with byte spans, Arrow, one zstd Parquet file. One process.

usage: floor.py SOURCE OUTPUT
"""

import re
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from turbohtml import parse_fragment

HEADER = re.compile(r"<!--(-?\d+)-->\s*\[(.*?)\]\((.*?)\)\s*-{3,}\s*", re.DOTALL)


def main(source: Path, output: Path) -> None:
    columns: dict[str, list[object]] = {
        name: [] for name in ("path", "published_ms", "title", "url", "text", "byte_start", "byte_end")
    }
    for path in sorted(source.rglob("*.md")):
        text = path.read_bytes().decode()
        header = HEADER.match(text)
        if header is None:
            continue
        body = text[header.end() :]
        base = len(text[: header.end()].encode())
        begin = 0
        for element in parse_fragment(body, source_locations=True).find_all("p"):
            location = element.source_location
            paragraph = element.text
            if location is None or not paragraph.strip():
                continue
            start = location.start_tag.end_offset
            end = location.end_tag.start_offset if location.end_tag else location.start_tag.end_offset + len(paragraph)
            base += len(body[begin:start].encode())
            begin = start
            columns["path"].append(str(path))
            columns["published_ms"].append(int(header[1]))
            columns["title"].append(header[2])
            columns["url"].append(header[3])
            columns["text"].append(paragraph)
            columns["byte_start"].append(base)
            columns["byte_end"].append(base + len(body[start:end].encode()))
    output.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), output / "paragraphs.parquet", compression="zstd")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

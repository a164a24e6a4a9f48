"""What datatrove makes of an archive: a pipeline of reader, trafilatura and Parquet writer, two tasks in two processes.

The reader gives the articles' fragments, the extractor their text, and a step between cuts that into lines, as
`trafilatura_peer.py` does; the writer puts each outlet and month into a folder of its own.

usage: datatrove_peer.py SOURCE OUTPUT
"""

import sys
import tempfile
from pathlib import Path

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.writers import ParquetWriter
from trafilatura_peer import HEADER, page, paragraphs

TASKS = 2
# Of starting a child process too, on a busy machine.
TIMEOUT_S = 30


class Articles(PipelineStep):
    """Each article as a document: its fragment, with what its header says."""

    name = "articles"

    def __init__(self, source: Path) -> None:
        super().__init__()
        self.source = source

    def run(self, data=None, rank=0, world_size=1):
        del data
        for path in sorted(self.source.rglob("*.md"))[rank::world_size]:
            text = path.read_text("utf-8")
            header = HEADER.match(text)
            if header is not None:
                metadata = {"url": header[3], "epoch_ms": int(header[1])}
                yield Document(text=page(text[header.end() :]), id=str(path), metadata=metadata)


class Paragraphs(PipelineStep):
    """Each line of a document's text as a document."""

    name = "paragraphs"

    def run(self, data, rank=0, world_size=1):
        del rank, world_size
        for document in data:
            for row in paragraphs(document.text, document.metadata["url"], document.metadata["epoch_ms"]):
                text = row.pop("text")
                yield Document(text=text, id=f"{row['article_id']}-{row['ordinal']:04}", metadata=row)


def main(source: Path, output: Path) -> None:
    with tempfile.TemporaryDirectory() as logs:
        LocalPipelineExecutor(
            pipeline=[
                Articles(source),
                # Deduplication would drop lines; the others drop none.
                Trafilatura(favour_precision=False, deduplicate=False, timeout=TIMEOUT_S),
                Paragraphs(),
                ParquetWriter(
                    str(output), "outlet=${outlet}/month=${month}/${rank}.parquet", compression="zstd",
                    expand_metadata=True,
                ),
            ],
            tasks=TASKS,
            workers=TASKS,
            logging_dir=logs,
        ).run()  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

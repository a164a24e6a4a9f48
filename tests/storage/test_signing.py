"""Signed and time-stamped roots: checked by the command and by openssl, and refused where anything is another one."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from archives import ingest, rows_of, writer

from pressmark.flows.cli import main
from pressmark.storage.citing import SIGNED, cite, sign
from pressmark.storage.errors import InputError, OutputError, SettingsError
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import latest_of
from pressmark.transforms.citation import written

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl makes keys and the authority")
AUTHORITY = """\
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
[stamping]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""


def openssl(*arguments: object, data: bytes = b"") -> bytes:
    command = [str(OPENSSL), *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


class Made(NamedTuple):
    """An output, a citation, keys, and an authority that answers."""

    folder: Path
    out: Path
    citation: Path
    authority: str

    def check(self, *more: str) -> int:
        return main(["check", str(self.citation), *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("signing")
    writer(folder / "archive")("a.md")
    ingest(folder / "archive", folder / "out")
    ((paragraph,), *_) = rows_of(folder / "out", "paragraphs", "paragraph_id")
    (folder / "citation.json").write_bytes(written(cite(Output(folder / "out"), str(paragraph))))
    for name in ("mine", "other"):
        openssl("genpkey", "-algorithm", "ed25519", "-out", folder / f"{name}.key")
        openssl("pkey", "-in", folder / f"{name}.key", "-pubout", "-out", folder / f"{name}.pem")
    (folder / "tsa.conf").write_text(AUTHORITY.format(folder=folder))
    (folder / "serial").write_text("01")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "stranger"):
        openssl("req", "-x509", *curve, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem",
                "-subj", f"/CN={name}", "-config", folder / "tsa.conf", "-extensions", "root")  # fmt: skip
    openssl("req", "-new", *curve, "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr", "-subj", "/CN=stamps")
    openssl("x509", "-req", "-in", folder / "tsa.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-out", folder / "tsa.pem", "-extfile", folder / "tsa.conf", "-extensions", "stamping",
            "-days", "30")  # fmt: skip

    class Authority(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            (folder / "asked.tsq").write_bytes(asked if self.path == "/" else old)
            answer = openssl("ts", "-reply", "-queryfile", folder / "asked.tsq", "-config", folder / "tsa.conf")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    (folder / "old").write_bytes(b"something else")
    old = openssl("ts", "-query", "-data", folder / "old", "-sha256", "-cert")
    server = HTTPServer(("127.0.0.1", 0), Authority)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Made(folder, folder / "out", folder / "citation.json", f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_signed_root_is_checked_by_the_command_and_by_openssl(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = tmp_path / "signed"
    key, root = made.folder / "mine.key", latest_of(Output(made.out)).root
    arguments = ["sign", str(made.out), "--key", str(key), "--to", str(signed), "--authority", made.authority]
    assert main(arguments) == 0
    assert {path.name for path in signed.iterdir()} == set(SIGNED.values())
    assert (signed / "root.txt").read_text() == f"pressmark-root-1 {root}\n"
    openssl("pkeyutl", "-verify", "-pubin", "-inkey", made.folder / "mine.pem", "-rawin", "-in", signed / "root.txt",
            "-sigfile", signed / "root.sig")  # fmt: skip
    told = openssl("ts", "-verify", "-data", signed / "root.txt", "-in", signed / "root.tsr", "-CAfile",
                   made.folder / "ca.pem")  # fmt: skip
    assert b"OK" in told
    whole = ("--signed", str(signed), "--key", str(made.folder / "mine.pem"))
    capsys.readouterr()
    assert made.check(*whole, "--authority", str(made.folder / "ca.pem")) == 0
    shown = capsys.readouterr().out
    assert "holds       the root is signed by the key `mine.pem`" in shown
    assert "says the authority `ca.pem`" in shown
    assert made.check("--signed", str(signed)) == 0
    assert capsys.readouterr().out.count("not checked the ") == 4
    assert made.check("--signed", str(signed), "--key", str(made.folder / "other.pem")) == 1
    assert made.check("--signed", str(signed), "--authority", str(made.folder / "stranger.pem")) == 1
    for name in SIGNED.values():
        shutil.copytree(signed, tmp_path / name)
        data = bytearray((signed / name).read_bytes())
        # Of a stamp, a byte of what is stamped.
        at = data.index(openssl("dgst", "-sha256", "-binary", signed / "root.txt")) if name == "root.tsr" else 20
        data[at] ^= 1
        (tmp_path / name / name).write_bytes(data)
        assert made.check("--signed", str(tmp_path / name), *whole[2:], "--authority", f"{made.folder}/ca.pem") == 1


def test_what_can_not_be_signed_is_refused(made: Made, tmp_path: Path) -> None:
    output, key, to = Output(made.out), made.folder / "mine.key", tmp_path / "signed"
    for wrong in (made.folder / "mine.pem", made.folder / "ca.key", made.folder / "serial"):
        with pytest.raises(InputError):
            sign(output, wrong, to)
    for authority in (made.authority + "other", "http://127.0.0.1:9/"):
        with pytest.raises(InputError):
            sign(output, key, to, authority)
    with pytest.raises(SettingsError):
        sign(output, key, to, "file:///etc/passwd")
    assert not to.exists()
    with pytest.raises(SettingsError):
        sign(output, key, tmp_path)
    shutil.copytree(made.out, tmp_path / "out")
    next(iter((tmp_path / "out" / "paragraphs").rglob("*.parquet"))).unlink()
    with pytest.raises(OutputError):
        sign(Output(tmp_path / "out"), key, to)
    assert made.check("--key", str(key)) == 2

"""The whole intake on a small corpus of our own: every message gets a fate, whatever it is."""

from pathlib import Path

import pytest

from tests.corpus import intake

HEAD = b"From: a@example.com\r\nTo: support@desk.example\r\nMIME-Version: 1.0\r\n"
OWN = {
    "plain": HEAD + b"Subject: Hello\r\nMessage-ID: <1@x>\r\n\r\nHi\r\n",
    "twice": b"Received: by another road\r\n" + HEAD + b"Subject: Hello\r\nMessage-ID: <1@x>\r\n\r\nHi\r\n",
    "answer": HEAD + b"Subject: Re: Hello\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n\r\nMore\r\n",
    "nothing": b"", "blank": b"\n\n", "bytes": bytes(range(256)) * 20, "only a header": b"From: a@example.com",
    "no header": b"\r\njust a body", "no from": b"Subject: who\r\n\r\nx", "mbox": b"From a Mon\n" + HEAD + b"\nx",
    "nul": HEAD + b"Subject: a\x00b\r\n\r\n\x00\x00", "cr only": HEAD.replace(b"\r\n", b"\r") + b"Subject: x\r\rx",
    "8 bit": "From: Bjørn <b@example.com>\r\nSubject: Blåbær\r\n\r\nøl".encode("latin-1"),
    "japanese": HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n"
                + b"Subject: =?iso-2022-jp?b?GyRCJCIbKEI=?=\r\n\r\n" + "在庫はありますか".encode("iso-2022-jp"),
    "thai": HEAD + b"Content-Type: text/plain; charset=windows-874\r\n\r\n" + "สวัสดี".encode("cp874"),
    "charset": HEAD + b"Content-Type: text/plain; charset=no-such-thing\r\n\r\n\xff\xfe",
    "open": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nnever closed",
    "no boundary": HEAD + b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx",
    "base64": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!",
    "html": HEAD + b"Content-Type: text/html\r\n\r\n<script>alert(1)</script><p>Hi<img src=cid:x><div><div>",
    "wide": HEAD + b"Cc: " + b", ".join(b"c%d@example.com" % n for n in range(3000)) + b"\r\n\r\nx",
    "long line": HEAD + b"Subject: " + b"x" * 50_000 + b"\r\n\r\n" + b"y" * 200_000,
    "on on on": HEAD + b"\r\n" + b"On a a a a a " * 4000,
    "own name": b"From: support@desk.example\r\nAuto-Submitted: auto-generated\r\n\r\nloop",
    "file name": HEAD + b"Content-Type: application/x; name=\"../../etc/passwd\"\r\n\r\nx",
}
DEEP = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))


def test_every_message_of_our_own_corpus_gets_a_fate(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    corpus, home = tmp_path / "corpus", tmp_path / "home"
    corpus.mkdir()
    home.mkdir()
    for name, raw in OWN.items():
        (corpus / f"{name}.eml").write_bytes(raw)
    (corpus / "deep.eml").write_bytes(HEAD + DEEP + b"x")
    (corpus / "LICENCE.txt").write_text("not a message")
    report = intake.run(corpus, home, by_command=2)
    assert report.wrong == []
    assert report.by_command == 2
    assert report.fates.total() == len(OWN) + 1
    assert (report.fates["duplicate"], report.fates["ignored"], report.fates["waiting"]) == (1, 3, 0)
    assert report.fates["appended"] == 1


def test_a_message_without_a_fate_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "corpus" / "a.eml").write_bytes(OWN["plain"])
    monkeypatch.setattr(intake.engine, "run_due", lambda *_args: 0)
    report = intake.run(tmp_path / "corpus", tmp_path / "home", by_command=0)
    assert any("no fate" in each for each in report.wrong)


def test_without_a_folder_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["intake", str(tmp_path / "none")])
    assert intake.main() == 2
    assert "There is no corpus at" in capsys.readouterr().err

"""The adapter that the scorers call, and what the runner says when there is nothing to score."""

from __future__ import annotations

import json

import pytest

from tests.corpus import adapter, run


def test_adapter_speaks_the_words_of_the_scorer() -> None:
    head = b"From: A <a@example.org>\r\nTo: b@example.org\r\nSubject: s\r\nMessage-ID: <1@x>"
    got = adapter.parse(head + b"\r\n\r\nhi\r\n")
    assert (got["from_address"], got["from_name"], got["to"]) == ("a@example.org", "A", ["b@example.org"])
    assert (got["message_id"], got["text"], got["reply_text"], got["is_bounce"]) == ("1@x", "hi", "hi", False)


def test_adapter_cleans_html() -> None:
    assert adapter.sanitise("<b onclick=x>hi</b><script>1</script>") == "<b>hi</b>"


def test_runner_says_plainly_that_the_corpus_is_missing(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.argv", ["run", str(tmp_path / "none")])
    assert run.main() == 2
    assert "There is no corpus at" in capsys.readouterr().err
    monkeypatch.setenv("INBOX_CORPUS", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["run"])
    assert run.main() == 2
    assert "lacks check_mail.py and check_html.py" in capsys.readouterr().err


def test_the_fake_shop_is_held_against_recorded_answers_where_there_are_some(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from tests.corpus import woocommerce

    monkeypatch.setattr("sys.argv", ["woocommerce", str(tmp_path / "none")])
    assert woocommerce.main() == 2 and "There are no recorded answers at" in capsys.readouterr().err
    answer = {"status": 404, "headers": {}, "body": {"code": "x", "message": "y", "data": {"status": 404}}}
    for name in woocommerce.PAIRS:
        (tmp_path / f"{name}.json").write_text(json.dumps(answer))
    monkeypatch.setattr("sys.argv", ["woocommerce", str(tmp_path)])
    assert woocommerce.main() == 1
    said = capsys.readouterr().out
    assert "order_404: the same" in said and "refunds: different" in said

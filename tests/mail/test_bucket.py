"""Messages and files in a bucket: kept before they are acknowledged, read back, counted, backed up, and missed."""

import smtplib
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from inbox import backup, blobs, doctor
from inbox.config import Config, ConfigError, load_config
from inbox.core import alarms, attachments, messages
from inbox.core.errors import NotFound
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.db import transaction, utcnow, work_context
from inbox.mail import deliver, ledger, reconcile
from inbox.testing.factories import make_agent, make_file, make_mailbox, make_message, make_ticket
from tests.mail.conftest import letter
from tests.support.fake_s3 import FakeS3


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    server = FakeS3()
    yield server
    server.close()


def using(config: Config, s3: FakeS3) -> Config:
    return replace(config, blobs=f"s3://{s3.bucket}/mail", blobs_endpoint=s3.url, blobs_region=s3.region,
                   blobs_key_id=s3.key_id, blobs_secret=s3.secret)


@pytest.fixture
def config(config: Config, s3: FakeS3) -> Config:
    """The test's settings, with the blobs in the bucket."""
    return using(config, s3)


def send(listener, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", listener.port, timeout=60) as client:
        client.sendmail("kari@example.com", "support@desk.example", raw)


def test_a_250_means_that_the_bucket_has_the_bytes(app, config, s3, mailbox, listen, ledger_rows):
    send(listen(), letter())
    (row,) = ledger_rows()
    digest = row.sha256
    assert list(s3.objects) == [f"mail/{digest[:2]}/{digest[2:4]}/{digest}.gz"]
    with work_context(app):
        assert attachments.read(digest, packed=True).rstrip() == letter().rstrip()
    assert not config.blob_folder.exists()


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_bucket_that_is_away_is_a_451_and_no_row(s3, mailbox, listen, ledger_rows, status):
    s3.refuse = status
    listener = listen()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(listener, letter())
    assert (refused.value.smtp_code, ledger_rows()) == (451, [])
    s3.refuse = None
    send(listener, letter())
    assert len(ledger_rows()) == 1


def test_a_wrong_key_is_told_by_the_doctor(app, config, s3):
    config = replace(config, blobs_secret="other")
    (found,) = [each for each in doctor.examine(config, plugins=False) if each.name == "files"]
    assert (found.state, "cannot be used" in found.words) == (doctor.WRONG, True)


def test_a_bucket_that_is_away_shows_on_every_page_until_it_is_back(app, session, s3):
    alarms.note_store("worker:here:1")
    assert alarms.look().store == ""
    s3.refuse = 503
    alarms.note_store("worker:here:1")
    found = alarms.look()
    assert found and "s3://desk/mail" in found.store


def test_files_are_read_whichever_way_they_lie(app, session, s3):
    data = bytes(range(256)) * 4000  # more than one piece
    plain, packed = attachments.store(data), attachments.store(data + b"!", compress=True)
    assert [attachments.read(plain), attachments.read(plain, packed=True)] == [data, data]
    assert [attachments.read(packed), attachments.read(packed, packed=True)] == [data + b"!"] * 2
    assert attachments.exists(plain, packed=True) and attachments.exists(packed)
    s3.asked.clear()
    attachments.read(packed, packed=True)  # as the intake does with every message
    assert len(s3.asked) == 1
    s3.objects.clear()
    assert not attachments.exists(plain)
    with pytest.raises(NotFound):
        attachments.open_blob(plain)


def test_a_bucket_that_does_not_exist_is_no_missing_file(app, session, config):
    digest = attachments.store(b"here")
    store = blobs.open_store(replace(config, blobs="s3://another/mail"))
    with pytest.raises(blobs.StoreAway, match="no such bucket"):
        store.open(digest)


def test_the_nightly_check_reads_the_list_and_finds_what_is_gone(app, session, s3, mailbox):
    rows = [ledger.arrive(letter(subject=f"Number {each}"), source="smtp", mailbox_id=mailbox) for each in range(8)]
    s3.asked.clear()
    assert reconcile.check() == []
    assert not [each for each in s3.asked if each.startswith("HEAD")]
    lost = session.scalar(sa.select(ledger.Ledger.sha256).where(ledger.Ledger.id == rows[4]))
    del s3.objects[f"mail/{blobs.place_of(lost)}.gz"]
    assert reconcile.check() == [f"Messages as they came are missing on the disk: ledger rows {rows[4]}."]


def test_the_sweep_spares_what_is_used_and_what_has_come_again(app, session, s3, mailbox):
    ledger.arrive(letter(), source="smtp", mailbox_id=mailbox)
    for data in (b"old", b"old, come again", b"young"):
        attachments.store(data)
    for name, (data, _) in list(s3.objects.items()):
        if data != b"young":
            s3.objects[name] = data, time.time() - 2 * attachments.GRACE_SECONDS
    attachments.store(b"old, come again")
    assert attachments.sweep() == 1
    assert sorted(data for data, _ in s3.objects.values())[1:] == [b"old, come again", b"young"]


def test_an_upload_while_the_bucket_is_away_says_so(app, session, s3, browser_agent):
    visitor, ticket = browser_agent
    s3.refuse = 503
    answer = visitor.get(f"/attachments/{ticket}/a.txt")
    assert (answer.status_code, "store of files cannot be reached" in answer.text) == (503, True)


@pytest.fixture
def browser_agent(app, session, s3):
    """A signed-in agent, and the id of a file that lies in the bucket."""
    from inbox.core.models import Attachment
    from inbox.testing.factories import make_agent
    from inbox.testing.visitor import Visitor

    make_message(make_ticket("The lamp"), "With a file.", files=[make_file(b"a file", "a.txt")])
    return Visitor(app).sign_in(make_agent("Ada", role="admin")), session.scalar(sa.select(Attachment.id))


def test_a_back_up_holds_the_files_of_the_bucket_and_fills_another(app, session, config, s3, mailbox, tmp_path,
                                                                   request):
    ledger.arrive(letter(), source="smtp", mailbox_id=mailbox)
    before = {name: data for name, (data, _) in s3.objects.items()}
    made = backup.make(config, tmp_path / "desk.tar.gz")
    assert (made["blobs"], made["missing_blobs"]) == (1, [])
    url = "" if config.is_sqlite else request.getfixturevalue("databases").empty()
    s3.objects.clear()
    backup.restore(replace(config, home=tmp_path / "new", database_url=url), tmp_path / "desk.tar.gz")
    assert {name: data for name, (data, _) in s3.objects.items()} == before
    assert not (tmp_path / "new" / "blobs").exists()


def test_a_back_up_without_files(app, session, config, s3, mailbox, tmp_path):
    ledger.arrive(letter(), source="smtp", mailbox_id=mailbox)
    made = backup.make(config, tmp_path / "desk.tar.gz", with_files=False)
    assert (made["blobs"], made["has_files"]) == (0, False)
    with tarfile.open(tmp_path / "desk.tar.gz") as archive:
        assert not [name for name in archive.getnames() if name.startswith("blobs/")]


def test_a_reply_whose_files_cannot_be_read_just_now_goes_out_later(app, session, s3, smtp_sink):
    box = make_mailbox("help@desk.example")
    with transaction():
        box.outgoing, box.smtp_host, box.smtp_port, box.smtp_security = "smtp", "127.0.0.1", smtp_sink.port, "none"
    ticket = make_ticket("Boots", mailbox=box, text="Where are they?")
    reply = messages.reply(ticket, Body("Here."), by=Actor.of(make_agent(role="admin")), files=[make_file(b"a file")])
    s3.refuse = 503
    deliver.send(reply.id)
    session.refresh(reply)
    assert (reply.state, "cannot be read just now" in reply.error, smtp_sink.messages) == ("queued", True, [])
    s3.refuse = None
    with transaction():
        reply.send_after = utcnow()
    deliver.send(reply.id)
    assert len(smtp_sink.messages) == 1


@pytest.mark.once
@pytest.mark.parametrize("values", [{"blobs": "/srv/blobs"}, {"blobs": "s3://"}, {"blobs_endpoint": "storage:9000"},
                                    {"blobs_key_id": "k"}])
def test_settings_that_cannot_work_are_refused(tmp_path, values):
    with pytest.raises(ConfigError):
        load_config(tmp_path, **values)

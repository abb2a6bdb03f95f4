"""Old mail from files and folders: into closed tickets, in threads, once, and without a sound."""

import datetime as dt
import mailbox as mailboxes_of_python
import zipfile

import pytest
import sqlalchemy as sa

from inbox import secrets
from inbox.core import imports
from inbox.core.events import Actor
from inbox.core.models import Event, Job, Ledger, Mailbox, Message, Ticket
from inbox.db import session, transaction
from inbox.jobs import dispatch
from inbox.mail import import_mail, import_sources, ledger, receive
from tests.mail.conftest import letter, mailbox  # noqa: F401 (a fixture)

BY = Actor.system("test")


def dated(day: str, **options) -> bytes:
    return letter(**options).replace(b"21 Nov 2026", day.encode())


@pytest.fixture
def box(app, config, mailbox, session):  # noqa: F811
    secrets.ensure_key(config)
    return session.get(Mailbox, mailbox)


@pytest.fixture
def thread():
    """A question, our answer, an answer to that, and another matter; the answer lies before its question."""
    first = dated("02 Mar 2024", subject="Parcel", message_id="one@example.com")
    ours = dated("03 Mar 2024", sender="support@desk.example", to="kari@example.com", subject="Re: Parcel",
                 message_id="two@desk.example", text="It is on its way.", In_Reply_To="<one@example.com>")
    third = dated("04 Mar 2024", subject="Re: Parcel", message_id="three@example.com", text="Thanks!",
                  In_Reply_To="<two@desk.example>", References="<one@example.com> <two@desk.example>")
    other = dated("05 Jan 2023", sender="ola@example.com", subject="Size", message_id="four@example.com",
                  text="From here it fits.\nFrom there it does not.")
    return [ours, first, third, other]


def mbox_of(path, letters):
    made = mailboxes_of_python.mbox(path)
    for each in letters:
        made.add(each)
    made.close()
    return path


def bring(box, path, kind=None, **options):
    slices = {"seconds": options.pop("seconds")} if "seconds" in options else {}
    row = imports.begin(by=BY, kind=kind or import_sources.kind_of(path), source=str(path), mailbox=box, **options)
    while import_mail.work(row.id, **slices):
        pass
    return imports.get(row.id)


def summary():
    return session().execute(sa.select(Ticket.subject, Ticket.status, Ticket.message_count).order_by(Ticket.id)).all()


def check_thread(row):
    assert (row.state, row.counts) == ("done", {"created": 2, "appended": 2})
    assert summary() == [("Re: Parcel", "closed", 3), ("Size", "closed", 1)]
    kinds = session().execute(sa.select(Message.kind, Message.state, Message.text).where(
        Message.ticket_id == session().scalar(sa.select(sa.func.min(Ticket.id)))).order_by(Message.at)).all()
    assert [(each.kind, each.state) for each in kinds] == [
        ("received", "stored"), ("reply", "sent"), ("received", "stored")]
    ticket = session().scalars(sa.select(Ticket).order_by(Ticket.id)).first()
    assert ticket.customer.email == "kari@example.com" and ticket.created_at.date() == dt.date(2024, 3, 2)
    assert ticket.last_message_at.date() == ticket.closed_at.date() == dt.date(2024, 3, 4)
    assert ticket.waiting_since is None


def test_an_mbox(box, thread, tmp_path) -> None:
    check_thread(bring(box, mbox_of(tmp_path / "old.mbox", thread)))
    text = session().scalars(sa.select(Message.text).where(Message.subject == "Size")).one()
    assert text.startswith("From here it fits.\nFrom there")  # as it was before it lay in an mbox


def test_a_maildir(box, thread, tmp_path) -> None:
    made = mailboxes_of_python.Maildir(tmp_path / "Maildir")
    for number, each in enumerate(thread):
        made.add(each)
        if number == 3:
            trashed = mailboxes_of_python.MaildirMessage(dated("01 Jan 2024", subject="Trashed"))
            trashed.set_subdir("cur")
            trashed.set_flags("ST")
            made.add(trashed)
    check = bring(box, tmp_path / "Maildir")
    assert check.kind == "maildir" and sum(check.counts.values()) == 4
    assert "Trashed" not in session().scalars(sa.select(Ticket.subject)).all()


def test_a_folder_of_eml(box, thread, tmp_path) -> None:
    for number, each in enumerate(thread):
        (tmp_path / f"in{number % 2}").mkdir(exist_ok=True)
        (tmp_path / f"in{number % 2}" / f"{number}.eml").write_bytes(each)
    row = bring(box, tmp_path)
    assert row.kind == "eml" and row.state == "done" and sorted(summary()) == [
        ("Re: Parcel", "closed", 3), ("Size", "closed", 1)]


def test_a_zip_with_an_mbox_and_eml(box, thread, tmp_path) -> None:
    mbox_of(tmp_path / "a.mbox", thread[:3])
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        archive.write(tmp_path / "a.mbox", "Takeout/Mail/a.mbox")
        archive.writestr("other/size.eml", thread[3])
        archive.writestr("other/notes.txt", "no mail")
    check_thread(bring(box, tmp_path / "old.zip"))


def test_a_folder_of_the_account(box, thread, dovecot) -> None:
    with transaction():
        box.incoming, box.imap_host, box.imap_port, box.imap_security = "imap", "127.0.0.1", dovecot.port, "none"
        box.imap_user, box.imap_password = "support", secrets.encrypt("secret")
    dovecot.append(*thread)
    check_thread(bring(box, "INBOX", kind="imap"))
    assert bring(box, "Nowhere", kind="imap").state == "failed"


@pytest.mark.parametrize("wrapped", ["mbox", "zip", "maildir"])
def test_stopped_at_any_message_it_goes_on_and_doubles_nothing(box, thread, tmp_path, wrapped) -> None:
    path = mbox_of(tmp_path / "old.mbox", thread)
    if wrapped == "zip":
        with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
            archive.write(path, "old.mbox")
        path = tmp_path / "old.zip"
    if wrapped == "maildir":
        made = mailboxes_of_python.Maildir(tmp_path / "Maildir")
        for each in thread:
            made.add(each)
        path = tmp_path / "Maildir"
    row = imports.begin(by=BY, kind=import_sources.kind_of(path), source=str(path), mailbox=box)
    parts = []
    while import_mail.work(row.id, 0):  # one message a slice
        parts.append(imports.get(row.id).done_part)
    row = imports.get(row.id)
    assert row.state == "done" and len(parts) == 4 and parts == sorted(parts) and imports.progress_of(row) == 100
    assert row.counts == {"created": 2, "appended": 2}


def test_brought_again_all_of_it_is_known(box, thread, tmp_path) -> None:
    path = mbox_of(tmp_path / "old.mbox", thread)
    bring(box, path)
    assert bring(box, path).counts == {"duplicate": 3, "ignored": 1}
    assert len(summary()) == 2


def test_what_is_older_than_the_cut_off_is_left_out(box, thread, tmp_path) -> None:
    row = bring(box, mbox_of(tmp_path / "old.mbox", thread), since=dt.date(2024, 1, 1))
    assert row.counts == {"created": 1, "appended": 2, "skipped": 1}


def test_tickets_can_be_open_and_wait_since_then(box, thread, tmp_path) -> None:
    bring(box, mbox_of(tmp_path / "old.mbox", thread[3:]), is_closed=False)
    ticket = session().scalars(sa.select(Ticket)).one()
    assert ticket.status == "open" and ticket.waiting_since.date() == dt.date(2023, 1, 5)


def test_no_sound_is_made(app, box, thread, tmp_path) -> None:
    """No automatic answer, no notice, nothing for plugins to hear, no job to send anything."""
    bring(box, mbox_of(tmp_path / "old.mbox", thread), is_closed=False)
    told = sa.select(Event.kind).where(Event.dispatched_at.is_(None), Event.source == "import")
    assert session().scalars(told).all() == []
    assert dispatch.deliver_due(app) == 0
    session().rollback()
    assert session().scalars(sa.select(Job.kind).where(Job.kind != imports.JOB)).all() == []
    assert session().scalar(sa.select(sa.func.count(Event.id)).where(Event.kind == "message_received")) == 3


def test_an_old_message_neither_opens_nor_wakes_its_ticket(box, thread, tmp_path) -> None:
    arrived = ledger.arrive(letter(subject="Parcel", message_id="one@example.com"), source="smtp", mailbox_id=box.id)
    receive.process(arrived)
    with transaction():
        ticket = session().scalars(sa.select(Ticket)).one()
        ticket.status, ticket.waiting_since = "pending", None
        ticket.reshelve()
    bring(box, mbox_of(tmp_path / "old.mbox", thread[2:3]))
    session().expire_all()
    assert (ticket.status, ticket.waiting_since, ticket.message_count) == ("pending", None, 2)


def test_a_new_answer_to_an_old_message_opens_its_ticket(box, thread, tmp_path) -> None:
    bring(box, mbox_of(tmp_path / "old.mbox", thread))
    row = ledger.arrive(letter(subject="Again", In_Reply_To="<two@desk.example>"), source="smtp", mailbox_id=box.id)
    assert receive.process(row) == "appended"
    assert session().scalars(sa.select(Ticket.status).order_by(Ticket.id)).first() == "open"


def test_one_bad_message_is_held_and_the_others_go_on(box, thread, tmp_path, monkeypatch) -> None:
    real = receive.parse.parse
    monkeypatch.setattr(receive.parse, "parse", lambda raw: 1 / 0 if b"four@" in raw else real(raw))
    row = bring(box, mbox_of(tmp_path / "old.mbox", thread))
    assert row.counts == {"created": 1, "appended": 2, "quarantined": 1}
    assert "ZeroDivisionError" in session().scalars(sa.select(Ledger.reason).where(Ledger.fate == "quarantined")).one()


def test_a_message_that_ends_the_process_is_held_unread(box, thread, tmp_path, monkeypatch) -> None:
    class Killed(BaseException):
        pass

    def read(raw):
        if b"three@" in raw:
            raise Killed
        return real(raw)

    real = receive.parse.parse
    monkeypatch.setattr(receive.parse, "parse", read)
    row = imports.begin(by=BY, kind="mbox", source=str(mbox_of(tmp_path / "old.mbox", thread)), mailbox=box)
    for _ in range(2):  # once as it comes, once with care
        with pytest.raises(Killed):
            import_mail.work(row.id)
        session().rollback()
    while import_mail.work(row.id):
        pass
    row = imports.get(row.id)
    assert row.state == "done" and row.counts == {"created": 2, "appended": 1, "quarantined": 1}


def test_what_is_too_big_is_counted(box, tmp_path, app) -> None:
    import dataclasses

    app.config["INBOX"] = dataclasses.replace(app.config["INBOX"], max_message_bytes=2000)
    big = letter(subject="Big", text="x\n" * 2000)
    row = bring(box, mbox_of(tmp_path / "old.mbox", [big, letter(subject="Small")]))
    assert row.counts == {"too_big": 1, "created": 1} and [each[0] for each in summary()] == ["Small"]


def test_the_job_works_slice_by_slice(box, thread, tmp_path, monkeypatch, app) -> None:
    from inbox.jobs import worker

    monkeypatch.setattr(import_mail, "SLICE_SECONDS", 0.0)
    row = imports.begin(by=BY, kind="mbox", source=str(mbox_of(tmp_path / "old.mbox", thread)), mailbox=box)
    worker.run_everything(app)
    session().rollback()
    assert imports.get(row.id).state == "done"


def test_the_command_shows_the_way(app, config, box, thread, tmp_path, monkeypatch) -> None:
    from click.testing import CliRunner

    from inbox.cli import main

    monkeypatch.setenv("INBOX_DATABASE_URL", config.database_url)
    path, home = str(mbox_of(tmp_path / "old.mbox", thread)), ["--home", str(config.home)]
    told = CliRunner().invoke(main, ["import", path, *home])
    assert told.exit_code == 1 and "--mailbox" in told.output
    done = CliRunner().invoke(main, ["import", path, "--mailbox", "support@desk.example", *home])
    assert done.exit_code == 0 and "2 created, 2 appended" in done.output, done.output
    out = CliRunner().invoke(main, ["export", str(tmp_path / "desk.zip"), *home])
    assert out.exit_code == 0 and zipfile.is_zipfile(tmp_path / "desk.zip")

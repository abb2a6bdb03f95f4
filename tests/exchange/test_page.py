"""The page of imports and exports: for owners, with progress, and a way to stop and to go on."""

import io
import re
import zipfile

import pytest
import sqlalchemy as sa

from inbox.core import imports
from inbox.core.models import Event, MailImport, Ticket
from inbox.exchange.form import BY_NAME, path_of
from inbox.jobs import worker
from inbox.testing.factories import make_agent, make_mailbox, make_ticket
from tests.mail.conftest import letter
from tests.web.browse import Visitor

PATH = "/settings/exchange"


@pytest.fixture
def owner(app, session):
    return Visitor(app).sign_in(make_agent("Olga", role="owner"))


@pytest.fixture
def box(session):
    return make_mailbox("support@desk.example")


def upload(owner, box, data=None, name="old.eml", **fields):
    return owner.post(f"{PATH}/import", {
        "file": (io.BytesIO(data or letter(subject="Old one")), name), "mailbox_id": str(box.id), "state": "closed",
        **fields}, page=PATH)


def test_only_owners_see_it(app, session) -> None:
    admin = Visitor(app).sign_in(make_agent(role="admin"))
    assert admin.get(PATH).status_code == admin.get(f"{PATH}/progress").status_code == 403
    for path in ("export", "import", "1/stop", "1/go-on"):
        assert admin.post(f"{PATH}/{path}", page="/settings/mailboxes").status_code in (403, 404)
    assert PATH not in admin.get("/settings/mailboxes").text


def test_an_uploaded_file_comes_in_and_the_page_shows_how_far_it_is(app, owner, box, session, home) -> None:
    assert upload(owner, box).status_code == 303
    (kept,) = (home / "imports").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    page = owner.get(PATH).text
    assert 'hx-trigger="every 2s"' in page and "0 %" in page
    worker.run_everything(app)
    part = owner.get(f"{PATH}/progress").text
    assert "1 new tickets" in part and "every 2s" not in part
    assert session.scalars(sa.select(Ticket.subject)).all() == ["Old one"]
    assert not kept.exists()  # it is of no more use


def test_what_lies_in_the_folder_can_be_chosen_and_nothing_else(app, owner, box, session, home) -> None:
    (home / "imports").mkdir()
    (home / "imports" / "a.eml").write_bytes(letter(subject="From the folder"))
    assert "<option>a.eml</option>" in owner.get(PATH).text
    wrong = owner.post(f"{PATH}/import", {"name": "../secret.key", "mailbox_id": str(box.id)}, page=PATH)
    assert wrong.status_code == 422 and "Choose a file" in wrong.text
    owner.post(f"{PATH}/import", {"name": "a.eml", "mailbox_id": str(box.id)}, page=PATH)
    worker.run_everything(app)
    session.rollback()
    assert session.scalars(sa.select(Ticket.subject)).all() == ["From the folder"]


@pytest.mark.parametrize(("fields", "words"), [
    ({"mailbox_id": ""}, "Choose the mailbox"), ({"since": "soon"}, "Write a day like")])
def test_what_is_wrong_is_said_at_its_field(owner, box, fields, words) -> None:
    answer = upload(owner, box, **fields)
    assert answer.status_code == 422 and words in answer.text and imports.newest() == []


def test_it_is_stopped_and_goes_on(app, owner, box, session) -> None:
    upload(owner, box)
    number = session.scalars(sa.select(MailImport.id)).one()
    assert "An import is under way" in upload(owner, box).text
    owner.post(f"{PATH}/{number}/stop", page=PATH)
    worker.run_everything(app)
    session.rollback()
    assert imports.get(number).state == "stopped" and session.scalars(sa.select(Ticket.id)).all() == []
    owner.post(f"{PATH}/{number}/go-on", page=PATH)
    worker.run_everything(app)
    session.rollback()
    assert imports.get(number).state == "done" and len(session.scalars(sa.select(Ticket.id)).all()) == 1


def test_the_desk_is_downloaded_as_a_zip(owner, box, session) -> None:
    make_ticket("Parcel", mailbox=box)
    answer = owner.post(f"{PATH}/export", page=PATH)
    assert re.fullmatch(r'attachment; filename="desk-[\d-]+\.zip"', answer.headers["Content-Disposition"])
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert "desk.json" in archive.namelist() and b"Parcel" in archive.read(path_of(BY_NAME["ticket"]))
    assert session.scalar(sa.select(sa.func.count()).where(Event.kind == "desk_exported")) == 1

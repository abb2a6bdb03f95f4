"""Writing: replies, notes, forwards, their drafts and files."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, jsonify, render_template, request
from puremagic import PureError, from_string

from inbox.core import attachments, drafts, macros, messages, passing_on, permissions, tickets
from inbox.core.attachments import StoredFile
from inbox.core.customers import normalise_address
from inbox.core.errors import Invalid, NotFound, Stale
from inbox.core.messages import Address, Body
from inbox.core.models import Attachment, Message, Ticket
from inbox.core.overtaken import Overtaken
from inbox.db import transaction
from inbox.mail import filenames
from inbox.mail.written import from_agent_html, image_ids
from inbox.web import sending
from inbox.web.auth import actor, me
from inbox.web.desk import Place, list_of, sidebar
from inbox.web.htmx import go_to, wants_partial
from inbox.web.i18n import gettext, moment, said
from inbox.web.macros import acts_from_form, in_words, snooze_end
from inbox.web.messages import SHOWN_INLINE, inline_urls
from inbox.web.tickets import answer, load, pane
from inbox.web.writing import most_bytes

blueprint = Blueprint("composer", __name__)
KINDS = ("reply", "note", "forward")
MAX_FILES = 25


def body_from_form(form: Mapping[str, str]) -> Body:
    """What was written: HTML of the editor, sanitised, or plain text where there is no editor."""
    html = form.get("html", "").strip()
    if not html:
        return Body(form.get("text", "").replace("\r\n", "\n").strip())
    made = from_agent_html(html)
    return Body(made.text, made.html)


def addresses(text: str, role: str) -> list[Address]:
    """Addresses typed with commas, semicolons or on lines; `Name <a@b.example>` is understood."""
    found = []
    for part in text.replace(";", ",").replace("\n", ",").split(","):
        name, bracket, rest = part.strip().rpartition("<")
        address = rest.rstrip("> ").strip() if bracket else part.strip()
        if address:
            found.append(Address(role, address, name.strip(' "')))
    return found


def recipients_from_form(form: Mapping[str, str], ticket: Ticket | None = None) -> list[Address]:
    """Every recipient of a form. A reply with nobody in To goes to whom a plain reply goes to, and to those in Cc and
    Bcc: that is whom the page showed (`shown`), whoever wrote meanwhile."""
    found = [each for role in ("to", "cc", "bcc") for each in addresses(form.get(role, ""), role)]
    if form.get("exact"):  # the page shows every one of them
        if not any(each.role == "to" for each in found):
            raise Invalid("to", "Nobody stands in To. Add an address first.")
        return found
    if ticket is None or any(each.role == "to" for each in found):
        return found
    chosen, shown = messages.recipients_for_reply(ticket), addresses(form.get("shown", ""), "to")
    is_another = shown and {each.address for each in shown} != {each.address for each in chosen}
    return [*(shown if is_another else chosen), *found]


def files_from_form(field: str = "files") -> list[StoredFile]:
    """Uploaded files, stored in the blob store. Raises Invalid for too many."""
    uploads = [each for each in request.files.getlist(field) if each.filename]
    if len(uploads) > MAX_FILES:
        raise Invalid("files", "Attach at most 25 files.")
    stored = []
    for upload in uploads:
        data = upload.read()
        kind = _type_of(data, upload.mimetype)
        stored.append(StoredFile(filenames.safe(upload.filename, kind), kind, len(data), attachments.store(data)))
    return stored


def _type_of(data: bytes, said: str) -> str:
    """What a file is: by its bytes for pictures (we show those), else what the browser said."""
    try:
        found = from_string(data[:4096], mime=True)
    except (PureError, ValueError):
        found = ""
    if said.startswith("image/") or found.startswith("image/"):
        return found if found.startswith("image/") else "application/octet-stream"
    return said if "/" in said else "application/octet-stream"


# --- sending ----------------------------------------------------------------------------------------------------


@blueprint.post("/tickets/<int:number>/messages")
def send(number: int) -> Any:
    """Send a reply or forward, or leave a note. 409 when somebody was faster: it is kept as a draft."""
    ticket, form = load(number), request.form
    kind = form.get("kind", "reply")
    if kind not in KINDS:
        raise Invalid("kind", "A message is a reply, a note or a forward.")
    body, files = body_from_form(form), files_from_form()
    draft = drafts.of(ticket, me(), kind)
    if draft is None and form.get("version", 0, type=int) > 0:  # a second click, or another tab was faster
        raise Stale("This draft has been sent or discarded already.")
    if draft is None and not body.text.strip():
        raise Invalid("text", "Write something first.")
    if draft is not None:
        drafts.drop_images(draft, besides=image_ids(body.html or ""), by=actor())
    if kind == "note":
        return _note(ticket, body, files, draft)
    how = sending.how_from_form(form, _beside(form))
    try:
        if kind == "forward":
            message = messages.forward(ticket, body, by=actor(), to=recipients_from_form(form), files=files,
                                       draft=draft, about=passing_on.chosen(ticket, form.get("about", "")), how=how)
        else:
            message = messages.reply(ticket, body, by=actor(), to=recipients_from_form(form, ticket), files=files,
                                     draft=draft, how=how)
    except Overtaken:
        sending.keep_as_draft(ticket, kind, body, files, _typed(form, ticket) | _beside(form), form)
        return _stopped(ticket, kind)
    sending.say_sent(message)
    leaves = sending.leaves_ticket(how) or not permissions.sees(me(), ticket)  # a saved reply may move it out of reach
    return go_to(Place.from_request().url()) if leaves else fresh(ticket, is_read=not how.wishes.acts)


def _note(ticket: Ticket, body: Body, files: list[StoredFile], draft: Message | None) -> Any:
    acts = acts_from_form(request.form)
    with transaction():
        messages.note(ticket, body, by=actor(), files=files, draft=draft)
        macros.do(ticket, acts, by=actor(), until=snooze_end)
    return fresh(ticket) if permissions.sees(me(), ticket) else go_to(Place.from_request().url())


def _beside(form: Any) -> dict[str, Any]:
    """What a draft keeps beside words and recipients: what a forward passes on, what saved replies do with it."""
    kept = {"about": form["about"][:40]} if form.get("about") else {}
    acts = acts_from_form(form)
    return kept | {"actions": [str(each) for each in acts]} if acts else kept


def _typed(form: Mapping[str, str], ticket: Ticket | None = None) -> dict[str, str]:
    """The recipients as they stand in a form. With a ticket: also those the page showed, when it would show others."""
    found = {role: form.get(role, "")[:5000] for role in ("to", "cc", "bcc") if form.get(role)}
    if ticket is not None and "to" not in found and form.get("kind") != "forward":
        chosen = ", ".join(each.address for each in messages.recipients_for_reply(ticket))
        if form.get("shown") and form["shown"] != chosen:
            found["to"] = form["shown"][:5000]
    return found


def _stopped(ticket: Ticket, kind: str) -> Any:
    """What is new, and the draft that was not sent."""
    if wants_partial():
        return fresh(ticket, focus=kind), 409
    place, rail = Place.from_request(), sidebar()
    return render_template("ticket/page.html", focus=kind, **rail, **list_of(place, rail),
                           **pane(tickets.get(ticket.number, me()))), 409


def fresh(ticket: Ticket, focus: str = "", is_read: bool = False) -> Any:
    """The fresh thread, the composer as it stands on the server, and what can be undone. `is_read` as for `answer`."""
    if not wants_partial():
        return answer(ticket)
    parts = answer(ticket, composer=True, focus=focus, is_read=is_read)
    return parts + render_template("layout/_toasts.html", oob=True)


@blueprint.app_template_global("who_misses")
def who_misses(ticket: Ticket, reply_to: list[Address]) -> dict[str, str]:
    """What is to be known before an answer goes out: the customer is not among those who get it (`customer`), or mail
    to one of them came back (`bounced`)."""
    found: dict[str, str] = {}
    to = {normalise_address(each.address) for each in reply_to}
    own = [each for each in ticket.customer.addresses if each.kind == "mail"]
    if own and to and not any(each.normalised in to for each in own):
        found["customer"] = own[0].value
    bounced = next((each.value for each in own if each.bounced_at is not None and each.normalised in to), None)
    return found | {"bounced": bounced} if bounced else found


# --- drafts -----------------------------------------------------------------------------------------------------


@blueprint.put("/tickets/<int:number>/draft")
def save_draft(number: int) -> Any:
    """Keep what was written so far. 409 with the stored draft when a newer one is there."""
    ticket, form = load(number), request.form
    kind = form.get("kind", "reply")
    try:
        draft = drafts.save(by=actor(), kind=kind, body=body_from_form(form), ticket=ticket,
                            extra=_typed(form) | _beside(form),
                            version=form.get("version", 0, type=int))
    except Stale as stale:
        stored = drafts.of(ticket, me(), kind)
        return jsonify(error=said(str(stale)), **_facts(stored)), 409
    return jsonify(**_facts(draft))


def _facts(draft: Message | None) -> dict[str, Any]:
    if draft is None:
        return {}
    return {"id": draft.id, "html": draft.html or "", "saved": gettext("Draft saved %(time)s", time=moment(draft.at)),
            **draft_facts(draft)}


@blueprint.app_template_global("draft_facts")
def draft_facts(draft: Message) -> dict[str, Any]:
    """A draft beside its HTML, for the page: version, recipients, where its pictures lie, what is done with it."""
    extra = draft.extra or {}
    return {"version": draft.version, "text": draft.text, "images": inline_urls(draft),
            "acts": in_words(extra.get("actions", ())),
            **{name: extra.get(name, "") for name in ("to", "cc", "bcc", "about")}}


@blueprint.post("/tickets/<int:number>/draft/discard")
def discard_draft(number: int) -> Any:
    """Throw the draft of a kind away."""
    ticket = load(number)
    draft = drafts.of(ticket, me(), request.form.get("kind", "reply"))
    if draft is not None:
        drafts.discard(draft, by=actor())
    return fresh(ticket)


@blueprint.post("/tickets/<int:number>/draft/files")
def add_files(number: int) -> Any:
    """Attach files to a draft; answers with the list of files. `inline`: one picture that stands in the text."""
    ticket, kind = load(number), request.form.get("kind", "reply")
    files = files_from_form()
    draft = drafts.of(ticket, me(), kind) or drafts.save(by=actor(), kind=kind, body=Body(""), ticket=ticket)
    _check_size([*draft.attachments, *files])
    if request.form.get("inline"):
        return jsonify(**_picture(draft, files))
    drafts.add_files(draft, files, by=actor())
    part = render_template("ticket/_draft_files.html", ticket=ticket, draft=draft, place=Place.from_request())
    return part, {"Draft-Version": str(draft.version)}


def _check_size(files: Sequence[StoredFile | Attachment]) -> None:
    """Raises Invalid for more than one message can carry."""
    if len(files) > MAX_FILES:
        raise Invalid("files", "Attach at most 25 files.")
    if sum(each.size for each in files) > most_bytes():
        raise Invalid("files", "These files are too large for one message. Nothing was sent.")


def _picture(draft: Message, files: list[StoredFile]) -> dict[str, Any]:
    """Keep a picture of the text; how the text names it, and where it lies until it is sent."""
    if len(files) != 1 or files[0].content_type not in SHOWN_INLINE:
        raise Invalid("files", "This is no picture that can be shown: only PNG, JPEG, GIF and WebP can.")
    cid = f"{secrets.token_hex(8)}@inline"
    drafts.add_files(draft, [replace(files[0], is_inline=True, content_id=cid)], by=actor())
    return {"cid": cid, "url": inline_urls(draft)[cid], "version": draft.version}


@blueprint.post("/drafts/<int:draft_pk>/files/<int:attachment_id>/remove")
def remove_file(draft_pk: int, attachment_id: int) -> Any:
    """Take a file off a draft."""
    draft = drafts.get(draft_pk, me())
    drafts.remove_file(draft, attachment_id, by=actor())
    if draft.ticket_id is None:
        raise NotFound()
    ticket = tickets.by_id(draft.ticket_id, me())
    return render_template("ticket/_draft_files.html", ticket=ticket, draft=draft, place=Place.from_request())

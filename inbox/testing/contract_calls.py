"""The part of the contract that calls a plugin: hooks, pages, panels and jobs, with the other side well or ill."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from werkzeug.routing import Rule
from werkzeug.routing.converters import AnyConverter, BaseConverter, NumberConverter, UUIDConverter

from inbox import http, http_client
from inbox.core import messages, settings, tickets
from inbox.core.errors import CoreError
from inbox.core.events import Actor
from inbox.core.models import Agent, Event, Ticket
from inbox.db import session
from inbox.hookspecs import Kind
from inbox.jobs import dispatch
from inbox.plugin_host import call, lifecycle
from inbox.plugin_host.faults import PluginFailure
from inbox.plugin_host.models import Plugin, PluginFault
from inbox.plugin_host.untouched import Original
from inbox.testing import factories
from inbox.testing.desk import Desk
from inbox.testing.remote import MODES, Remote
from inbox.web.plugin_pages import PAGES, owner_of_rule

Found = tuple[str, str]  # (about, text)
SECONDS = 0.3  # how long a fake server is waited for
SAMPLES = {"url": "", "email": "kit@example.com", "text": "sample", "lines": "sample", "number": 1}
OTHER_SIDE = ("Unreachable", "BadAnswer", "Refused")  # what an event answer or a job may fail with: it is tried again


def complaints(desk: Desk, name: str) -> Iterator[Found]:
    """What an active plugin does wrong when it is called."""
    agent = factories.make_agent("Contract", role="owner")
    yield from _faults(desk, name, "load")
    yield from _doors(desk, name, agent)
    with ExitStack() as stack:
        server = Remote()
        stack.callback(server.stop)
        stack.enter_context(_everything_asks(server))
        original = Original()
        _set_up(name, server, agent)
        ticket = _something_happens(desk, agent)
        yield from _faults(desk, name, "hooks")
        try:
            desk.deliver_events(twice=True)
        except PluginFailure as failure:
            yield "hooks", str(failure)
        yield from _faults(desk, name, "hooks", but=OTHER_SIDE)
        yield from _replaced(original)
        for mode in MODES:
            server.mode = mode
            desk.app.extensions.pop("inbox_http", None)
            _resume(name)
            about = "hooks" if mode == "ok" else "remote"
            yield from _shows(desk, name, ticket, agent, mode)
            yield from _faults(desk, name, about, when="" if mode == "ok" else f" (with the other side {mode})")
        server.mode = "ok"
        yield from _works(desk, name)
        yield from _replaced(original)


def _resume(name: str) -> None:
    """Who falls ten times is paused, and then asked nothing any more; here every answer of the other side is tried."""
    if session().scalar(sa.select(Plugin.state).where(Plugin.name == name)) == "paused":
        lifecycle.activate(name)


def _faults(desk: Desk, name: str, about: str, *, but: tuple[str, ...] = (), when: str = "") -> Iterator[Found]:
    """Faults since the last look, each kind once."""
    for each in desk.new_faults():
        if each.plugin == name and not each.summary.startswith(but or "\0") and not _is_note(each):
            yield about, f"{each.hook} failed{when}: {each.summary}"


def _replaced(original: Original) -> Iterator[Found]:
    for each in original.restore():
        yield "hooks", f"It replaced {each.name} of the program."


def _is_note(fault: PluginFault) -> bool:
    return getattr(fault, "weight", 1) == 0


# --- doors ------------------------------------------------------------------------------------------------------


def _doors(desk: Desk, name: str, agent: Agent) -> Iterator[Found]:
    """Its pages are there while it is active; those that are not public ask for a sign-in."""
    places = [(rule, path) for rule in _rules(desk, name) if (path := _path(desk, rule)) is not None]
    stranger, member = desk.visitor(), desk.visitor(agent)
    for rule, path in places:
        view = desk.app.view_functions[rule.endpoint]
        if "GET" in (rule.methods or ()) and not getattr(view, "inbox_public", False):
            answer = stranger.get(path)
            if not (300 <= answer.status_code < 400 and "sign-in" in answer.location) and answer.status_code != 401:
                yield "sign-in", f"{path} answers {answer.status_code} to somebody who is not signed in."
    desk.new_faults()  # what the pages themselves do wrong is looked at later
    lifecycle.deactivate(name)
    for rule, path in places:
        if "GET" in (rule.methods or ()) and member.get(path).status_code != 404:
            yield "inactive", f"{path} is still there while the plugin is not active."
    lifecycle.activate(name)


def _rules(desk: Desk, name: str) -> list[Rule]:
    mounted = desk.app.extensions[PAGES]
    return [rule for rule in desk.app.url_map.iter_rules() if owner_of_rule(mounted, rule.endpoint) == name
            and rule.endpoint in desk.app.view_functions]


def _sample(converter: BaseConverter) -> Any:
    """Something that may stand in an address."""
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)[0]
    if isinstance(converter, UUIDConverter):
        return uuid.UUID(int=1)
    return 1 if isinstance(converter, NumberConverter) else "sample"


def _path(desk: Desk, rule: Rule, **known: Any) -> str | None:
    values = {argument: known.get(argument, _sample(converter)) for argument, converter in rule._converters.items()}
    built = rule.build(values)
    return str(built[1]) if built is not None else None


# --- with the other side well or ill ------------------------------------------------------------------------------


@contextmanager
def _everything_asks(server: Remote) -> Iterator[None]:
    """Whatever server a plugin asks, it is this one that answers, and soon."""
    perform, longest = http_client.perform, http.LONGEST

    def ask_here(method: str, url: str, **options: Any) -> http.Response:
        parts = urlsplit(url)
        return perform(method, f"{server.url}{parts.path}" + (f"?{parts.query}" if parts.query else ""), **options)

    http_client.perform, http.LONGEST = ask_here, SECONDS
    try:
        yield
    finally:
        http_client.perform, http.LONGEST = perform, longest


def _set_up(name: str, server: Remote, agent: Agent) -> None:
    """Fill in settings that are required or lead to another server, as a site owner would."""
    for owner, item in call.registered("register_settings"):
        if owner == name and item.default is None and item.type in SAMPLES and (item.required or item.type == "url"
                                                                                 or item.secret):
            try:
                settings.put(item.name, SAMPLES[item.type] or server.url, by=Actor.of(agent))
            except CoreError:
                continue  # its own check wants something better; then it works without


def _something_happens(desk: Desk, agent: Agent) -> Ticket:
    """A day on a desk: mail comes, is answered, noted on, tagged, given away, closed."""
    by = Actor.of(agent)
    ticket = desk.receive_email("Where is my order?", subject="Order 1001")
    desk.receive_email("An invoice, please.", sender="Ola <ola@example.com>", html="<p>An <b>invoice</b>, please.</p>",
                       files={"order.pdf": b"%PDF-1.4 order"}, headers={"X-Priority": "1"})
    tickets.assign(ticket, agent, by=by)
    tickets.tag(ticket, "sample", by=by)
    tickets.set_priority(ticket, "high", by=by)
    messages.note(ticket, messages.Body("A note."), by=by)
    messages.reply(ticket, messages.Body("On its way."), by=by)
    desk.mail_out()
    tickets.set_status(ticket, "closed", by=by)
    return ticket


def sample_facts(desk: Desk, ticket: Ticket, agent: Agent) -> dict[str, Any]:
    """Something for every argument that a slot can have."""
    thread = messages.thread(ticket)
    return {"agent": agent, "viewer": agent, "ticket": ticket, "tickets": [ticket], "view": "unassigned",
            "query": "order", "customer": ticket.customer, "messages": thread, "message": thread[0],
            "department": ticket.department, "mailbox": desk.mailbox(), "page": "ticket"}


def slots(desk: Desk, facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The slots that can be asked with these facts, each with its own."""
    return {spec.name: {argument: facts[argument] for argument in spec.args} for spec in desk.host.specs.values()
            if spec.kind is Kind.slot and set(spec.args) <= set(facts)}


def _shows(desk: Desk, name: str, ticket: Ticket, agent: Agent, mode: str) -> Iterator[Found]:
    """Our pages with its items on them, its own pages, and what its panels load."""
    browser, addresses = desk.visitor(agent), []
    with desk.app.test_request_context("/"):
        for slot, facts in slots(desk, sample_facts(desk, ticket, agent)).items():
            items = call.slot(slot, **facts)
            addresses += [each.load for each in items if each.plugin == name and getattr(each, "load", None)]
    pages = [f"/tickets/{ticket.number}", "/views/unassigned", "/settings/desk"] if mode == "ok" else []
    for path in [*addresses, *_own_pages(desk, name, ticket), *pages]:
        status = browser.get(path, headers={"HX-Panel": "1"} if path in addresses else {}).status_code
        if status >= 500:
            yield "hooks" if mode == "ok" else "remote", f"{path} answers {status} with the other side {mode}."


def _own_pages(desk: Desk, name: str, ticket: Ticket) -> list[str]:
    known = {"ticket_id": ticket.id, "number": ticket.number, "customer_id": ticket.customer_id}
    return [path for rule in _rules(desk, name) if "GET" in (rule.methods or ())
            and not rule.endpoint.endswith(".static") and (path := _path(desk, rule, **known)) is not None]


# --- in the background ------------------------------------------------------------------------------------------


def _works(desk: Desk, name: str) -> Iterator[Found]:
    """Jobs, health checks and the buttons under its settings run through; the latter two may say what is wrong."""
    for item in desk.host.items_of(name).get("register_jobs", []):
        call.guard(name, f"job {item.name}", item.run, may_write=True)
    for item in desk.host.items_of(name).get("register_health_checks", []):
        call.guard(name, f"health check {item.name}", _told, item.run, may_write=True)
    dispatch.deliver_due(desk.app)
    yield from _faults(desk, name, "jobs", but=OTHER_SIDE)
    if session().scalar(sa.select(sa.func.count()).select_from(Event).where(Event.dispatched_at.is_(None))):
        yield "hooks", "Events it causes never come to an end."


def _told(run: Any) -> None:
    try:
        run()
    except ValueError:
        return  # it has something to say, as it may

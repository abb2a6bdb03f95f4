"""Tells other programs of events, by HTTP: signed, tried again, with a log from which each can be sent again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import click

from inbox.builtin.webhooks import hooks, sending
from inbox.builtin.webhooks.models import Webhook, WebhookDelivery
from inbox.builtin.webhooks.views import pages
from inbox.toolkit import (
    Agent,
    Command,
    Endpoint,
    Event,
    HealthCheck,
    Job,
    Link,
    Pages,
    PersonalData,
    gettext,
    hears_only,
    hookimpl,
    may,
    plugin_url,
)

ABILITY = "manage_settings"


@hookimpl
@hears_only(sending.wanted)
def event_recorded(event: Event) -> None:
    sending.queue(event)


@hookimpl
def register_jobs() -> list[Job]:
    return [Job("webhooks.send", dt.timedelta(minutes=1), sending.send_due),
            Job("webhooks.prune", dt.timedelta(days=1), sending.prune)]


@hookimpl
def register_blueprints() -> list[Pages]:
    return [Pages(pages)]


@hookimpl
def settings_menu_links(agent: Agent) -> list[Link]:
    return [Link(gettext("API and webhooks"), plugin_url("index"), "link")] if may(agent, ABILITY) else []


@hookimpl
def register_personal_data() -> list[PersonalData]:
    return [PersonalData("webhooks.log", hooks.export, hooks.erase)]


# --- health -----------------------------------------------------------------------------------------------------


@hookimpl
def register_health_checks() -> list[HealthCheck]:
    return [HealthCheck("webhooks.deliveries", "Webhooks", health)]


def health() -> str:
    """Whether the webhooks that are on take what they are sent."""
    found = [each for each in hooks.all_webhooks() if each.is_on]
    for each in found:
        last = hooks.newest(each)
        if last is not None and last.state != "done" and last.attempts > 1:
            raise ValueError(f"{each.title} does not take what it is sent ({last.status or last.answer}). Look at its "
                             "log under Settings, API and webhooks.")
    return f"{len(found)} webhooks are on, and take what they are sent." if found else "No webhook is on."


# --- the API ----------------------------------------------------------------------------------------------------


@hookimpl
def register_endpoints() -> list[Endpoint]:
    one, many = "/<int:webhook_id>", ""
    return [
        Endpoint("webhooks.list", "GET", many, "Webhooks", _list, ability=ABILITY),
        Endpoint("webhooks.create", "POST", many, "A new webhook; its secret is told once", _create, ability=ABILITY,
                 takes={"title": "text", "url": "url", "events": "text"}),
        Endpoint("webhooks.delete", "DELETE", one, "Delete a webhook and its log", _delete, ability=ABILITY),
        Endpoint("webhooks.deliveries", "GET", f"{one}/deliveries", "The log of a webhook, newest first", _deliveries,
                 ability=ABILITY, takes={"cursor": "number?"}),
    ]


def _list(agent: Agent, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"items": [_webhook(each) for each in hooks.all_webhooks()]}


def _create(agent: Agent, values: Mapping[str, Any]) -> dict[str, Any]:
    made = hooks.create(title=values["title"], url=values["url"], kinds=values["events"].split(","))
    return {**_webhook(made), "secret": hooks.secret_of(made)}


def _delete(agent: Agent, values: Mapping[str, Any], webhook_id: int) -> None:
    hooks.delete(hooks.get(webhook_id))


def _deliveries(agent: Agent, values: Mapping[str, Any], webhook_id: int) -> dict[str, Any]:
    found, following = hooks.deliveries(hooks.get(webhook_id), before=values.get("cursor"))
    return {"items": [_delivery(each) for each in found], "next": following}


def _webhook(webhook: Webhook) -> dict[str, Any]:
    return {"id": webhook.id, "title": webhook.title, "url": webhook.url, "events": webhook.events,
            "is_on": webhook.is_on, "created_at": webhook.created_at}


def _delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    return {"id": delivery.id, "event_id": delivery.event_id, "kind": delivery.kind, "state": delivery.state,
            "attempts": delivery.attempts, "status": delivery.status, "answer": delivery.answer, "at": delivery.at,
            "next_try_at": delivery.next_try_at}


# --- commands ---------------------------------------------------------------------------------------------------


@hookimpl
def register_commands() -> list[Command]:
    return [Command(list_command), Command(replay_command)]


@click.command("list")
def list_command() -> None:
    """List the webhooks, and how the last delivery of each went."""
    found = hooks.all_webhooks()
    if not found:
        click.echo("There is no webhook. Settings, API and webhooks, makes one.")
    for each in found:
        last = hooks.newest(each)
        state = "on" if each.is_on else "off"
        how = "nothing sent yet" if last is None else f"delivery {last.id} {last.state} ({last.status or last.answer})"
        click.echo(f"{each.id}  {state:3}  {each.title}  {each.url}  {how}")


@click.command("replay")
@click.argument("delivery", type=int)
def replay_command(delivery: int) -> None:
    """Send one delivery again, by its number in the log."""
    found = hooks.replay(delivery)
    click.echo(f"Delivery {found.id} ({found.kind}) is sent again within a minute.")

"""What is known of a customer, changed: organisation, fields, notes, tasks; the list of one's own tasks."""

from __future__ import annotations

from typing import Any

from flask import request

from inbox.toolkit import (
    Agent,
    Customer,
    Invalid,
    actor,
    fields,
    fields_from_form,
    gettext,
    session,
    signed_in,
)
from inbox_plugins.crm import notes, organisations, segments, tasks
from inbox_plugins.crm.models import Organisation
from inbox_plugins.crm.pages import blueprint, done, show, the_customer


@blueprint.route("/customers/<int:customer_id>/edit", methods=["GET", "POST"])
def edit_customer(customer_id: int) -> Any:
    """Where a customer belongs, and the fields."""
    signed_in("crm.edit")
    customer = the_customer(customer_id)
    if request.method == "GET":
        return _customer_form(customer)
    typed = fields_from_form(fields.of_customers.all(), request.form)
    try:
        fields.set_values(customer, typed, by=actor())
        _place(customer, request.form.get("organisation", "").strip())
        segments.settle_customer(customer.id)
    except Invalid as problem:
        return _customer_form(customer, typed, problem, 422)
    return done("organisation_list", gettext("Saved."), customer_id=customer.id)


def _customer_form(customer: Customer, typed: Any = None, error: Invalid | None = None, status: int = 200) -> Any:
    here = organisations.of_customer(customer.id)
    return show("customer_form.html", status, customer=customer, error=error, fields=fields.of_customers.all(),
                values=typed if typed is not None else fields.of_customers.of(customer.id),
                organisation=request.form.get("organisation", here.name if here else ""),
                is_by_hand=organisations.is_by_hand(customer.id), number=request.values.get("ticket", 0, type=int))


def _place(customer: Customer, name: str) -> None:
    """The organisation of this name, made if it is new; none; or by the address again."""
    here = organisations.of_customer(customer.id)
    if request.form.get("by_address"):
        organisations.by_address_again(customer)
    elif name != (here.name if here else ""):
        organisations.put(customer, (organisations.named(name) or organisations.save(name=name)) if name else None)


# --- notes ------------------------------------------------------------------------------------------------------


@blueprint.post("/customers/<int:customer_id>/notes")
def add_customer_note(customer_id: int) -> Any:
    """Leave a note about a customer."""
    return _note(the_customer(customer_id))


@blueprint.post("/organisations/<int:organisation_id>/notes")
def add_organisation_note(organisation_id: int) -> Any:
    """Leave a note about an organisation."""
    return _note(organisations.get(organisation_id))


def _note(about: Customer | Organisation) -> Any:
    note = notes.add(about, request.form.get("text", ""), signed_in("crm.edit"))
    return _back(gettext("The note is stored."), note.customer_id, note.organisation_id)


@blueprint.post("/notes/<int:note_id>/delete")
def delete_note(note_id: int) -> Any:
    """Throw a note away."""
    note = notes.delete(note_id, signed_in("crm.edit"))
    return _back(gettext("The note is gone."), note.customer_id, note.organisation_id)


def _back(text: str, customer_id: int | None, organisation_id: int | None) -> Any:
    """To the page of what it was about."""
    if organisation_id is not None:
        return done("organisation", text, organisation_id=organisation_id)
    return done("organisation_list", text, customer_id=customer_id)


# --- tasks ------------------------------------------------------------------------------------------------------


@blueprint.post("/customers/<int:customer_id>/tasks")
def add_customer_task(customer_id: int) -> Any:
    """Write down what is to be done for a customer."""
    return _task(the_customer(customer_id))


@blueprint.post("/organisations/<int:organisation_id>/tasks")
def add_organisation_task(organisation_id: int) -> Any:
    """Write down what is to be done for an organisation."""
    return _task(organisations.get(organisation_id))


def _task(about: Customer | Organisation) -> Any:
    form, by = request.form, signed_in("crm.edit")
    number = form.get("agent", 0, type=int)
    task = tasks.add(about, form.get("text", ""), by=by, due=form.get("due", ""),
                     agent=session().get(Agent, number) if number else None)
    return _back(gettext("The task is stored."), task.customer_id, task.organisation_id)


@blueprint.get("/tasks")
def task_list() -> Any:
    """One's own open tasks, by the day they are due."""
    found, following = tasks.of_agent(signed_in(), after=request.args.get("after", 0, type=int))
    return show("tasks.html", tasks=found, following=following, today=tasks.today())


@blueprint.post("/tasks/<int:task_id>/done")
def tick_task(task_id: int) -> Any:
    """It is done (or, with `open`, not after all)."""
    signed_in("crm.edit")
    task = tasks.get(task_id, signed_in())
    tasks.tick(task, done=not request.form.get("open"))
    return done("task_list", gettext("The task is done.") if task.done_at else gettext("The task is open again."),
                customer_id=request.form.get("customer", 0, type=int) or None,
                organisation_id=request.form.get("organisation", 0, type=int) or None)

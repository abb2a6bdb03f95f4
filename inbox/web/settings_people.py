"""Settings of departments and agents: who works where, and who may do what."""

from __future__ import annotations

from typing import Any

from flask import current_app, redirect, request, url_for

from inbox.core import agents, departments, invitations, mailboxes, permissions
from inbox.core.errors import Invalid, NotFound
from inbox.core.models import Agent, Department
from inbox.db import transaction
from inbox.web.auth import actor, me
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require, saved

# --- departments ------------------------------------------------------------------------------------------------


@blueprint.get("/departments")
def department_list() -> Any:
    """Every department and who works there."""
    require("manage_departments")
    found = departments.all_departments(active=None)
    people = agents.all_agents(active=True)
    members = {each.id: [agent for agent in people if each.id in agent.department_ids] for each in found}
    return page("departments", departments=found, members=members)


@blueprint.route("/departments/new", methods=["GET", "POST"])
def new_department() -> Any:
    """Another department."""
    return _edit_department(None)


@blueprint.route("/departments/<int:department_id>", methods=["GET", "POST"])
def department(department_id: int) -> Any:
    """One department."""
    require("manage_departments")
    return _edit_department(departments.get(department_id))


def _edit_department(stored: Department | None) -> Any:
    require("manage_departments")
    if request.method == "GET":
        return _department_page(stored, {each: getattr(stored, each, None) for each in departments.CHANGEABLE},
                                {each.id for each in departments.members(stored)} if stored else {me().id})
    form = request.form
    chosen = {int(each) for each in form.getlist("members") if each.isdecimal()}
    values: dict[str, Any] = {
        "name": form.get("name", ""), "sender_name": form.get("sender_name", ""),
        "signature": form.get("signature", "").replace("\r\n", "\n"),
        "hue": form.get("hue", 0, type=int) % departments.HUES, "mailbox_id": form.get("mailbox_id", type=int)}
    try:
        with transaction():
            changed = stored or departments.create(by=actor(), name=values["name"])
            departments.change(changed, by=actor(), **values)
            departments.set_members(changed, [each for each in agents.all_agents() if each.id in chosen], by=actor())
    except Invalid as problem:
        return _department_page(stored, values, chosen, problem, 422)
    return saved("settings.department_list", gettext("The department is saved."))


def _department_page(stored: Department | None, values: dict[str, Any], chosen: set[int],
                     error: Invalid | None = None, status: int = 200) -> Any:
    return page("department", status, department=stored, values=values, chosen=chosen, error=error,
                people=agents.all_agents(active=True), mailboxes=mailboxes.all_mailboxes(active=True))


@blueprint.post("/departments/<int:department_id>/retire")
def retire_department(department_id: int) -> Any:
    """Take a department out of use."""
    require("manage_departments")
    found = departments.get(department_id)
    try:
        departments.retire(found, by=actor())
    except Invalid as problem:
        return _department_page(found, {each: getattr(found, each) for each in departments.CHANGEABLE},
                                {each.id for each in departments.members(found)}, problem, 422)
    return saved("settings.department_list", gettext("The department is out of use."))


@blueprint.post("/departments/<int:department_id>/reopen")
def reopen_department(department_id: int) -> Any:
    """Take a department into use again."""
    departments.reopen(departments.get(department_id), by=actor())
    return saved("settings.department_list", gettext("The department is in use again."))


# --- agents -----------------------------------------------------------------------------------------------------


@blueprint.get("/agents")
def agent_list() -> Any:
    """Every agent, and what each role may do."""
    require("manage_agents")
    names = {each.id: each.name for each in departments.all_departments(active=None)}
    return page("agents", invitations=invitations.all_open(), agents=agents.all_agents(),
                departments=names, roles=agents.roles(),
                abilities=permissions.ABILITIES, of_plugins=permissions.of_plugins(),
                may_of_plugin=permissions.may_of_plugin)


@blueprint.post("/roles/abilities")
def role_abilities() -> Any:
    """What each role may do with plugins."""
    require("manage_agents")
    for name in permissions.of_plugins():
        for role in agents.roles():
            permissions.decide(role, name, f"{role.name}:{name}" in request.form, by=actor())
    return saved("settings.agent_list", gettext("The abilities are saved."))


@blueprint.route("/agents/new", methods=["GET", "POST"])
def new_agent() -> Any:
    """Another agent: with a password, or with a link by mail to choose one."""
    require("manage_agents")
    if request.method == "GET":
        return _agent_page(None, {"role": "agent"}, set())
    form, chosen = request.form, chosen_departments()
    password = form.get("password", "")
    values = {"email": form.get("email", ""), "name": form.get("name", ""), "role": form.get("role", "")}
    try:
        if password:
            made = agents.create(by=actor(), password=password, departments=chosen, **values)
        else:
            with transaction():
                made = agents.create(by=actor(), departments=chosen, **values)
                agents.invite(made, _link(), by=actor())
    except Invalid as problem:
        return _agent_page(None, form, {each.id for each in chosen}, problem, 422)
    return saved("settings.agent_list", gettext("%(name)s is in. The password is set.", name=made.name) if password
                 else gettext("%(name)s is in. A link to choose a password is on its way.", name=made.name))


@blueprint.route("/agents/<int:agent_id>", methods=["GET", "POST"])
def agent(agent_id: int) -> Any:
    """One agent's name, role and departments."""
    found = the_agent(agent_id)
    if request.method == "GET":
        return _same(found)
    form, chosen = request.form, chosen_departments()
    try:
        agents.change(found, by=actor(), name=form.get("name"), role=form.get("role"), departments=chosen)
    except Invalid as problem:
        return _agent_page(found, form, {each.id for each in chosen}, problem, 422)
    if not permissions.may(me(), "manage_agents"):  # somebody took their own role away
        return redirect(url_for("desk.first"), 303)
    return saved("settings.agent_list", gettext("The agent is saved."))


def _same(found: Agent, error: Invalid | None = None) -> Any:
    """An agent's page with what is stored."""
    return _agent_page(found, {"name": found.name, "role": found.role.name}, set(found.department_ids), error,
                       422 if error else 200)


def chosen_departments() -> list[Department]:
    """The departments ticked in a form."""
    wanted = set(request.form.getlist("departments"))
    return [each for each in departments.all_departments() if str(each.id) in wanted]


def _agent_page(found: Agent | None, values: Any, chosen: set[int], error: Invalid | None = None,
                status: int = 200) -> Any:
    return page("agent", status, agent=found, values=values, chosen=chosen, error=error, roles=agents.roles(),
                departments=departments.all_departments(), may_manage=found is None or _may_manage(found))


def _may_manage(found: Agent) -> bool:
    return found.role.name != "owner" or permissions.may(me(), "manage_owners")


def the_agent(agent_id: int) -> Agent:
    """Of those whom who manages agents may see. Raises NotFound, NotAllowed."""
    require("manage_agents")
    found = agents.by_id(agent_id)
    if found is None:
        raise NotFound()
    return found


def _link() -> str:
    return str(current_app.config["INBOX"].public_url) + "/new-password/{token}"


@blueprint.post("/agents/<int:agent_id>/invite")
def invite_agent(agent_id: int) -> Any:
    """Mail a link to choose a new password with."""
    found = the_agent(agent_id)
    try:
        agents.invite(found, _link(), by=actor())
    except Invalid as problem:
        return _same(found, Invalid("agent", str(problem)))
    return saved("settings.agent", gettext("A link to choose a password is on its way."), agent_id=found.id)


@blueprint.post("/agents/<int:agent_id>/active")
def switch_agent(agent_id: int) -> Any:
    """End an agent's work here, or begin it again."""
    found = the_agent(agent_id)
    try:
        (agents.activate if request.form.get("on") == "1" else agents.deactivate)(found, by=actor())
    except Invalid as problem:
        return _same(found, problem)
    return saved("settings.agent_list", gettext("The agent can sign in again.") if found.is_active else
                 gettext("The agent is deactivated; every session of theirs has ended."))

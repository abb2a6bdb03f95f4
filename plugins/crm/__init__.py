"""Who is asking: organisations and what is known of customers, beside every ticket."""

from inbox.toolkit import Link, Pages, Panel, Permission, gettext, hookimpl, plugin_url
from inbox_plugins.crm import organisations, panel, views


@hookimpl
def register_permissions():
    return [Permission("crm.edit", "Change organisations and what is known of customers",
                       roles=("owner", "admin", "agent")),
            Permission("crm.export", "Import and export customers")]


@hookimpl
def register_blueprints():
    return [Pages(views.blueprint)]


@hookimpl
def main_menu_links(agent):
    return [Link(gettext("Organisations"), plugin_url("organisation_list"), icon="building", order=20)]


@hookimpl
def ticket_sidebar_panels(ticket, agent):
    return [Panel(gettext("Organisation"), template="panel.html", order=10,
                  values=panel.beside_ticket(ticket, agent))]


@hookimpl
def customer_created(customer):
    organisations.settle([customer.id])

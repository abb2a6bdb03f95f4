"""Who is asking: organisations and what is known of customers, beside every ticket."""

import datetime as dt

from inbox.toolkit import (
    EventKind,
    HealthCheck,
    Job,
    Link,
    NotificationType,
    Pages,
    Panel,
    Permission,
    PersonalData,
    Placeholder,
    SearchFilter,
    gettext,
    hookimpl,
    plugin_url,
)
from inbox_plugins.crm import (
    demo,
    duplicate_views,  # noqa: F401  (its pages)
    field_views,  # noqa: F401
    import_views,  # noqa: F401
    imports,
    merged,
    organisations,
    panel,
    people_views,  # noqa: F401
    personal,
    segment_views,  # noqa: F401
    segments,
    tasks,
    timeline,
    views,
)
from inbox_plugins.crm.segments import for_service_levels


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
    return _panels(ticket.customer_id, agent, ticket.number)


@hookimpl
def customer_panels(customer, agent):
    return _panels(customer.id, agent, None)


def _panels(customer_id, agent, number):
    return [Panel(gettext("Organisation"), template="panel.html", order=10,
                  values=panel.known(customer_id, agent, number)),
            Panel(gettext("Notes and tasks"), template="notes_panel.html", order=11,
                  values=panel.notes_and_tasks(customer_id, agent, number))]


@hookimpl
def inbox_row_badges(tickets, agent):
    return segments.badges(tickets)


@hookimpl
def register_search_filters():
    return [SearchFilter("crm.org", alias="org", title="Organisation", find=organisations.matching),
            SearchFilter("crm.segment", alias="segment", title="Segment", find=segments.matching)]


@hookimpl
def register_jobs():
    return [Job("crm.segments", every=dt.timedelta(minutes=5), run=segments.settle_all),
            Job("crm.import", every=dt.timedelta(seconds=10), run=imports.work),
            Job("crm.reminders", every=dt.timedelta(minutes=5), run=tasks.remind)]


@hookimpl
def register_notification_types():
    return [NotificationType("crm.task", "The day of a task of mine has come")]


@hookimpl
def register_events():
    return [EventKind("crm.task_due", "The day of a task came.")]


@hookimpl
def customer_created(customer):
    organisations.settle([customer.id])
    segments.settle_customer(customer.id)


@hookimpl
def customer_changed(customer):
    segments.settle_customer(customer.id)


@hookimpl
def customer_merged(customer, merged_customer_id):
    merged.follow(customer.id, merged_customer_id)


@hookimpl
def customer_merge_undone(customer, restored_customer_id):
    merged.go_back(customer.id, restored_customer_id)


@hookimpl
def customer_timeline(customer, before, agent):
    return timeline.entries(customer, before, agent)


@hookimpl
def register_personal_data():
    return [PersonalData("crm.data", export=personal.export, erase=personal.erase)]


@hookimpl
def register_placeholders():
    return [Placeholder("crm.organisation", "The customer's organisation", personal.organisation_name),
            Placeholder("crm.owner", "Who looks after the organisation", personal.owner_name)]


@hookimpl
def demo_desk():
    demo.fill()


@hookimpl
def register_health_checks():
    return [HealthCheck("crm.segments", "Segments of customers", segments.health)]


@hookimpl(optionalhook=True)
def sla_segments(segments, customer_id):
    return for_service_levels(segments, customer_id)

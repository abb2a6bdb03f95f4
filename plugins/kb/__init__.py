"""The knowledge base: articles, a public help centre, answers beside tickets."""

import datetime as dt

from inbox.toolkit import (
    Job,
    Link,
    Pages,
    Panel,
    Permission,
    PersonalData,
    gettext,
    hookimpl,
    me,
    plugin_url,
    settings,
)
from inbox_plugins.kb import arrange, beside, demo, feedback, help_centre, options, pages, personal, views

__all__ = ["arrange", "views"]  # they add their pages to the blueprint


@hookimpl
def register_settings():
    return options.declared()


@hookimpl
def register_permissions():
    return [Permission("kb.edit", "Write articles", roles=("owner", "admin", "agent")),
            Permission("kb.publish", "Publish and archive articles, arrange categories")]


@hookimpl
def register_blueprints():
    return [Pages(pages.blueprint), Pages(help_centre.blueprint, public=True),
            Pages(help_centre.forms, public=True, signed=True)]


@hookimpl
def register_jobs():
    return [Job("kb.tidy", dt.timedelta(days=1), feedback.tidy)]


@hookimpl
def register_personal_data():
    return [PersonalData("kb.comments", export=personal.export, erase=personal.erase)]


@hookimpl
def main_menu_links(agent):
    return [Link(gettext("Knowledge base"), plugin_url("article_list"), icon="book", order=10)]


@hookimpl
def ticket_sidebar_panels(ticket, agent):
    return [Panel(gettext("Articles"), load=plugin_url("suggestions", number=ticket.number), order=30, lines=11)]


@hookimpl
def message_menu_items(message, ticket, agent):
    if beside.can_become_article(message, agent):
        return [Link(gettext("Make an article of this"), plugin_url("from_message", message_pk=message.id),
                     icon="book")]


@hookimpl
def filter_auto_reply(text, ticket):
    return beside.with_articles(text, ticket)


@hookimpl
def demo_desk():
    settings.put_all({"kb.contact": "support@fjordthread.example", "kb.links": "The shop https://fjordthread.example"},
                     by=me())
    demo.readers(demo.fill())

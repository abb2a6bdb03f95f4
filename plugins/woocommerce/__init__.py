"""What did they buy: a customer's orders beside every ticket, from one or several WooCommerce shops."""

import datetime as dt

from inbox.toolkit import (
    HealthCheck,
    Job,
    Link,
    MessageLink,
    Pages,
    Permission,
    PersonalData,
    Placeholder,
    SearchFilter,
    TimelineEntry,
    gettext,
    hookimpl,
    may,
    plugin_url,
)
from inbox_plugins.woocommerce import beside, hook, orders, personal, refunds, settings_views, shops, views, words


@hookimpl
def register_permissions():
    return [Permission(refunds.ABILITY, "Pay back orders in the shop")]


@hookimpl
def register_blueprints():
    return [Pages(views.blueprint), Pages(settings_views.blueprint), Pages(hook.blueprint, signed=True)]


@hookimpl
def register_jobs():
    return [Job("woocommerce.settle", dt.timedelta(minutes=1), refunds.settle_all),
            Job("woocommerce.settle_old", dt.timedelta(days=1), refunds.settle_old),
            Job("woocommerce.catch_up", dt.timedelta(minutes=1), beside.catch_up),
            Job("woocommerce.tidy", dt.timedelta(days=1), orders.forget_old)]


@hookimpl
def register_search_filters():
    return [SearchFilter("woocommerce.order", "order", "Tickets of who placed an order", beside.tickets_with_order)]


@hookimpl
def register_personal_data():
    return [PersonalData("woocommerce.orders", export=personal.export, erase=personal.erase)]


@hookimpl
def register_placeholders():
    return [Placeholder("woocommerce.order", "The number of the customer's last order", beside.last_number)]


@hookimpl
def register_health_checks():
    return [HealthCheck("woocommerce.shops", "WooCommerce shops", beside.check_shops)]


@hookimpl
def settings_menu_links(agent):
    if not may(agent, "manage_settings"):
        return []
    return [Link(gettext("WooCommerce shops"), plugin_url("shop_list"), icon="card")]


@hookimpl
def ticket_sidebar_panels(ticket, agent):
    if ticket.customer is None:
        return []
    found = shops.active_shops()
    return [views.panel_beside(ticket, shop, gettext("Orders") if len(found) == 1 else gettext(
        "Orders, %(shop)s", shop=shop.name)) for shop in found]


@hookimpl
def timeline_entries(ticket):
    return [TimelineEntry(each.asked_at, words.of_refund(each), tone=words.REFUND_TONES[each.state])
            for each in refunds.of_ticket(ticket)]


@hookimpl
def message_links(messages):
    found = list(beside.numbers_in(messages))
    targets = {order.id: (plugin_url("order", shop_id=order.shop_id, order_id=order.remote_id, ticket=number),
                          words.of_order(order)) for _, _, order, number in found}
    return [MessageLink(message_id, word, targets[order.id][0], hint=targets[order.id][1])
            for message_id, word, order, _ in found]


@hookimpl
def customer_timeline(customer, before):
    return [TimelineEntry(each.placed_at, words.of_placing(each))
            for each in orders.of_customer(customer) if before is None or each.placed_at < before][:30]


@hookimpl
def demo_started(shop):
    shops.keep_demo(**shop)


@hookimpl
def ticket_created(ticket):
    beside.look_ahead(ticket)

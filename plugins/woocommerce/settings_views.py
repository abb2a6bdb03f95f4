"""The settings: which shops there are, their keys, a test of each."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request

from inbox.toolkit import Invalid, NotAllowed, actor, current_agent, gettext, http, may, plugin_url, render
from inbox_plugins.woocommerce import shops
from inbox_plugins.woocommerce.client import Account, ShopError, wrong_address
from inbox_plugins.woocommerce.models import Shop
from inbox_plugins.woocommerce.shops import Line, Typed

blueprint = Blueprint("settings", __name__, url_prefix="/shops")


def require() -> None:
    """Raises NotAllowed for those who may not change settings."""
    agent = current_agent()
    if agent is None or not may(agent, "manage_settings"):
        raise NotAllowed()


def _saved(text: str, endpoint: str = "shop_list", **values: Any) -> Any:
    flash(text)
    return redirect(plugin_url(endpoint, **values), 303)


@blueprint.get("")
def shop_list() -> Any:
    """Every shop and how it is."""
    require()
    return render("shops.html", shops=shops.all_shops())


@blueprint.route("/new", methods=["GET", "POST"])
def new_shop() -> Any:
    """One more shop."""
    require()
    if request.method == "GET":
        return _form(None, Typed("", ""))
    typed = _typed()
    try:
        made = shops.save(None, typed, by=actor())
    except Invalid as problem:
        return _form(None, typed, problem, 422)
    return _saved(gettext("The shop is stored. Its orders stand beside every ticket now."), "shop", shop_id=made.id)


@blueprint.route("/<int:shop_id>", methods=["GET", "POST"])
def shop(shop_id: int) -> Any:
    """Name, address and key of a shop."""
    require()
    stored = shops.get(shop_id)
    if request.method == "GET":
        return _form(stored, Typed(stored.name, stored.url, is_active=stored.is_active))
    typed = _typed()
    try:
        shops.save(stored, typed, by=actor())
    except Invalid as problem:
        return _form(stored, typed, problem, 422)
    return _saved(gettext("The shop is saved."), "shop", shop_id=shop_id)


def _typed() -> Typed:
    form = request.form
    return Typed(form.get("name", ""), form.get("url", ""), form.get("key", ""), form.get("secret", ""),
                 bool(form.get("is_active")))


def _form(stored: Shop | None, typed: Typed, error: Invalid | None = None, status: int = 200,
          lines: list[Line] | None = None, secret: str = "") -> Any:
    hook = plugin_url("deliver", absolute=True, shop_id=stored.id) if stored else ""
    return render("shop.html", shop=stored, typed=typed, error=error, lines=lines, hook=hook, webhook_secret=secret,
                  private=http.owner_allows(typed.url) if typed.url else None), status


@blueprint.post("/test")
@blueprint.post("/<int:shop_id>/test")
def test_shop(shop_id: int | None = None) -> Any:
    """Try out what is typed; an empty key is the stored one. Changes nothing, here or there."""
    require()
    typed, stored = _typed(), shops.get(shop_id) if shop_id else None
    lines = _try(stored, typed)
    if request.headers.get("HX-Request"):
        return render("_checks.html", lines=lines)
    return _form(stored, typed, lines=lines)


def _try(stored: Shop | None, typed: Typed) -> list[Line]:
    if wrong := wrong_address(typed.url.strip()):
        return [Line(wrong, False)]
    try:
        is_known = stored is not None and not shops.has_moved(stored, typed)
        kept = shops.account_of(stored) if stored is not None and is_known else Account("", "", "")
    except ShopError as error:
        return [Line("The key cannot be read", False, str(error))]
    return shops.test(Account(typed.url.strip().rstrip("/"), typed.key.strip() or kept.key,
                              typed.secret.strip() or kept.secret))


@blueprint.post("/<int:shop_id>/webhook-secret")
def renew_webhook_secret(shop_id: int) -> Any:
    """A new secret for the shop's webhooks, shown this once."""
    require()
    stored = shops.get(shop_id)
    secret = shops.renew_webhook_secret(stored, by=actor())
    return _form(stored, Typed(stored.name, stored.url, is_active=stored.is_active), secret=secret)


@blueprint.post("/<int:shop_id>/remove")
def remove_shop(shop_id: int) -> Any:
    """Forget a shop."""
    require()
    stored = shops.get(shop_id)
    try:
        shops.remove(stored, by=actor())
    except Invalid as problem:
        return _form(stored, Typed(stored.name, stored.url, is_active=stored.is_active), problem, 422)
    return _saved(gettext("The shop is forgotten here. In the shop itself nothing was changed."))

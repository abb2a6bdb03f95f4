"""Which shops there are, how they are, and what is known of the last request to each."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import sqlalchemy as sa

from inbox.toolkit import (
    Actor,
    Invalid,
    NotFound,
    SecretLost,
    decrypt,
    encrypt,
    me,
    require,
    session,
    transaction,
    utcnow,
)
from inbox_plugins.woocommerce.client import Account, Client, Ill, Refused, ShopError, Unreachable, wrong_address
from inbox_plugins.woocommerce.models import LOOKS_BACK, UNSETTLED, Refund, Shop

QUIET = dt.timedelta(seconds=30)  # after a failure nobody waits for the shop again for so long
LONGEST = {"name": 100, "url": 300, "key": 200, "secret": 200}


def all_shops() -> list[Shop]:
    """Every shop, also those that are switched off."""
    return list(session().scalars(sa.select(Shop).order_by(Shop.name, Shop.id)))


def active_shops() -> list[Shop]:
    """The shops that are asked."""
    return [each for each in all_shops() if each.is_active]


def get(shop_id: int) -> Shop:
    """A shop. Raises NotFound."""
    found = session().get(Shop, shop_id)
    if found is None:
        raise NotFound()
    return found


@dataclass(frozen=True)
class Typed:
    """A shop as a person types it; an empty key or secret keeps the stored one."""

    name: str
    url: str
    key: str = ""
    secret: str = ""
    is_active: bool = True


def save(shop: Shop | None, typed: Typed, *, by: Actor) -> Shop:
    """Store a new or a changed shop. Raises Invalid, NotAllowed."""
    require(by, "manage_settings")
    check(typed, is_new=shop is None or has_moved(shop, typed))
    url = typed.url.strip().rstrip("/")
    sealed = {f"{name}_sealed": encrypt(value.strip()) for name, value in (("key", typed.key), ("secret", typed.secret))
              if value.strip()}
    with transaction() as current:
        if shop is None:
            shop = Shop(webhook_sealed=encrypt(secrets.token_urlsafe(24)), problem="", problem_words="")
            current.add(shop)
        elif shop.url != url or sealed:  # another shop, or another key: what was known of it is no longer true
            shop.problem, shop.problem_words, shop.failing_since, shop.asked_at = "", "", None, None
        shop.name, shop.url, shop.is_active = typed.name.strip(), url, typed.is_active
        for column, value in sealed.items():
            setattr(shop, column, value)
        current.flush()
        return shop


def has_moved(shop: Shop, typed: Typed) -> bool:
    """True when another server is typed: the stored key, which can pay back money, is for the old one alone."""
    return _server(shop.url) != _server(typed.url)


def _server(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url.strip())
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return "", url, None


def check(typed: Typed, *, is_new: bool) -> None:
    """Raises Invalid, naming the field."""
    for field, most in LONGEST.items():
        if len(getattr(typed, field)) > most:
            raise Invalid(field, "This is too long.")
    if not typed.name.strip():
        raise Invalid("name", "Give the shop a name.")
    if wrong := wrong_address(typed.url.strip()):
        raise Invalid("url", wrong)
    for field, beginning in (("key", "ck_"), ("secret", "cs_")):
        value = getattr(typed, field).strip()
        if (is_new and not value) or (value and not value.startswith(beginning)):
            raise Invalid(field, "A key begins with ck_, a secret with cs_. The shop shows both under WooCommerce, "
                                 "Settings, Advanced, REST API.")


def remove(shop: Shop, *, by: Actor) -> None:
    """Forget a shop, its orders and its refunds here; the shop itself is not touched. Raises Invalid, NotAllowed."""
    require(by, "manage_settings")
    with transaction() as current:
        if current.scalar(sa.select(Refund.id).where(
                Refund.shop_id == shop.id, Refund.state.in_(UNSETTLED),
                Refund.asked_at > utcnow() - LOOKS_BACK).limit(1)):  # a shop that is no more can go a week later
            raise Invalid("shop", "Nobody knows yet what became of a refund in this shop. Wait until that is settled.")
        current.delete(shop)


def keep_demo(url: str, key: str, secret: str) -> None:
    """The shop of the demo desk, at the address that it has today."""
    found = next((each for each in all_shops() if each.url.endswith("/demo/shop")), None)
    if found is None or found.url != url:
        save(found, Typed("Fjord & Thread", url, key, secret), by=me())


def account_of(shop: Shop) -> Account:
    """Address and key, readable. Raises Refused when the key of this installation is lost."""
    try:
        return Account(shop.url, decrypt(shop.key_sealed), decrypt(shop.secret_sealed))
    except SecretLost as error:
        raise Refused("The stored key cannot be read, because the secret key of this desk has changed. "
                      "Enter it again.") from error


# --- webhooks ---------------------------------------------------------------------------------------------------


def webhook_secret(shop: Shop) -> str:
    """What the shop signs its webhooks with; "" when it cannot be read any more."""
    try:
        return decrypt(shop.webhook_sealed)
    except SecretLost:
        return ""


def renew_webhook_secret(shop: Shop, *, by: Actor) -> str:
    """A new one; what is signed with the old one is refused from now on. Returns it: it is shown this once."""
    require(by, "manage_settings")
    fresh = secrets.token_urlsafe(24)
    sealed = encrypt(fresh)
    with transaction():
        shop.webhook_sealed = sealed
    return fresh


# --- how it is --------------------------------------------------------------------------------------------------


def is_left_alone(shop: Shop) -> bool:
    """True for a while after a failure."""
    return bool(shop.problem) and shop.asked_at is not None and utcnow() - shop.asked_at < QUIET


def note(shop_id: int, error: ShopError | None) -> None:
    """Remember how a request went; `failing_since` is the first failure in a row. Inside a transaction."""
    shop = session().get(Shop, shop_id)
    if shop is None:
        return
    shop.asked_at = utcnow()
    if error is None:
        shop.problem, shop.problem_words, shop.failing_since = "", "", None
        return
    if shop.problem != error.kind or shop.failing_since is None:
        shop.failing_since = utcnow()
    shop.problem, shop.problem_words = error.kind, str(error)[:1000]


# --- test -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One thing that was tried: what, whether it worked, what the shop said."""

    title: str  # a msgid
    is_ok: bool
    words: str = ""
    values: dict[str, str] | None = None


def test(account: Account) -> list[Line]:
    """Try out a shop: does it answer, does it accept the key, may the key read and write. Changes nothing there."""
    client = Client(account, 10.0)
    try:
        orders = client.page("/orders", per_page=1, _fields="id,version,status")
    except Refused as error:
        return [Line("The shop answers", True), Line("The shop refuses the key", False, str(error))]
    except Unreachable as error:
        return [Line("The shop cannot be reached", False, str(error))]
    except ShopError as error:
        return [Line("The shop does not answer as a WooCommerce does", False, str(error))]
    lines = [Line("The shop answers: %(count)s orders", True, values={"count": str(orders.total)}),
             Line("The key may read orders", True)]
    return [*lines,
            _try(lambda: client.page("/customers", per_page=1, _fields="id"),
                 Line("The key may read customers", True), Line("The key may not read customers", False)),
            # A refund of order 0 is asked for, which no shop has, so that nothing can come of it.
            _try(lambda: client.post("/orders/0/refunds", {"amount": "0"}),
                 Line("The key may make refunds", True), Line("The key may not make refunds", False), (400, 404))]


def _try(ask: Callable[[], object], good: Line, refused: Line, good_statuses: tuple[int, ...] = ()) -> Line:
    try:
        ask()
    except Refused as error:
        return replace(refused, words=str(error))
    except Ill as error:
        if error.status not in good_statuses:
            return Line("The shop does not answer as a WooCommerce does", False, str(error))
    except Unreachable as error:
        return Line("The shop cannot be reached", False, str(error))
    return good

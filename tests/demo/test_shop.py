"""The shop of the demo desk: who ordered what, where it answers, what it remembers."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from inbox.config import Config, load_config
from inbox.demo import shop
from inbox.testing.plugins import plug


@pytest.mark.once
def test_its_customers_are_those_who_write_in_the_stories() -> None:
    letters = b"".join(path.read_bytes() for path in (Path(shop.__file__).parent / "messages").glob("*.eml"))
    found = shop.stocked(Path("/nonexistent/kept.json")).orders.values()
    assert len(found) >= 35
    assert [each["number"] for each in found if each["billing"]["email"].encode() not in letters] == []


@pytest.mark.once
def test_what_was_paid_back_is_remembered(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    first = shop.stocked(kept)
    first.refund(10482, "149.00", "Too small", paid=True)
    second = shop.stocked(kept)
    second.refund(10482, "10.00", "More")
    third = shop.stocked(kept)
    assert [each["amount"] for each in third.refunds[10482]] == ["149.00", "10.00"]
    assert [each["amount"] for each in third.refunds[10412]] == ["1290.00"]
    kept.write_text("{broken")
    assert 10482 not in shop.stocked(kept).refunds


def test_demo_started_tells_plugins_where_the_shop_is(app: Flask, config: Config) -> None:
    told: list[Any] = []

    def demo_started(shop: Any) -> None:
        told.append(shop)

    plug(app, "listener", demo_started)
    shop.open_in(app, config)
    assert told[0]["url"] == f"{config.public_url}/demo/shop"
    client = app.test_client()
    address = "/demo/shop/wp-json/wc/v3/orders/10482"
    assert client.get(address).status_code == 401
    assert client.get(address, auth=(told[0]["key"], told[0]["secret"])).get_json()["number"] == "10482"
    assert client.get("/healthz").status_code == 200


@pytest.mark.once
def test_the_demo_may_talk_to_its_own_machine(tmp_path: Path) -> None:
    assert load_config(tmp_path, demo=True).private_hosts == "127.0.0.1"
    assert load_config(tmp_path, demo=True, private_hosts="10.0.0.1").private_hosts == "10.0.0.1"
    assert load_config(tmp_path).private_hosts == ""

"""Which addresses plugins may talk to."""

import ipaddress

import pytest

from inbox import http_guard

pytestmark = pytest.mark.once


@pytest.mark.parametrize("address", [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.170", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1",
    "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:1::1"])
def test_addresses_that_are_not_of_the_open_internet(address: str) -> None:
    assert not http_guard.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "203.1.113.9", "2606:4700::1", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_addresses_of_the_open_internet(address: str) -> None:
    assert http_guard.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(("text", "host", "address", "may"), [
    ("shop.lan, 10.0.0.0/8", "shop.lan", "192.168.3.3", True),
    ("shop.lan, 10.0.0.0/8", "SHOP.lan.", "192.168.3.3", True),
    ("shop.lan, 10.0.0.0/8", "crm.lan", "10.9.9.9", True),
    ("shop.lan, 10.0.0.0/8", "crm.lan", "192.168.3.3", False),
    ("fd00::/8", "crm.lan", "fd00::5", True),
    ("0.0.0.0/0", "crm.lan", "0.0.0.0", False),
    ("", "crm.lan", "10.0.0.1", False),
])
def test_a_site_owner_can_allow_private_ones(text: str, host: str, address: str, may: bool) -> None:
    assert http_guard.Allowed(text).permits(host, ipaddress.ip_address(address)) is may

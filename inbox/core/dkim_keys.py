"""The keys that mail of our domains is signed with (DKIM): one a domain, encrypted in the database."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from inbox import secrets
from inbox.core import events, permissions
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import SettingValue
from inbox.db import session, transaction, utcnow

PREFIX = "dkim:"
BITS = 2048  # what every receiver takes (RFC 8301)
_DOMAIN = re.compile(r"(?=.{4,253}\Z)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")


@dataclass(frozen=True)
class Key:
    """A domain's key, as PEM."""

    domain: str
    selector: str
    pem: bytes = field(repr=False)

    @property
    def record_name(self) -> str:
        """Where its public half belongs in the DNS."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The TXT record for that place."""
        loaded = serialization.load_pem_private_key(self.pem, None)
        public = loaded.public_key().public_bytes(serialization.Encoding.DER,
                                                  serialization.PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode('ascii')}"


def get(domain: str) -> Key | None:
    """The key of a domain (in ASCII), None when its mail is not signed here. Raises SecretLost."""
    value = session().scalar(sa.select(SettingValue.value).where(
        SettingValue.scope == "site", SettingValue.key == f"{PREFIX}{domain.lower()}"))
    if not isinstance(value, dict):
        return None
    return Key(domain.lower(), str(value["selector"]), secrets.decrypt(value["secret"]).encode())


def create(domain: str, *, by: Actor) -> Key:
    """Make a key for a domain; an older one is forgotten, and has another selector. Raises Invalid, NotAllowed."""
    permissions.require(by, "manage_mailboxes")
    domain = domain.lower()
    if not _DOMAIN.fullmatch(domain):
        raise Invalid("domain", "This is not the name of a domain. It should look like example.com.")
    made = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())
    key = Key(domain, f"desk{utcnow():%Y%m%d%H%M}", pem)
    with transaction() as current:
        current.merge(SettingValue(scope="site", key=f"{PREFIX}{domain}", value={
            "secret": secrets.encrypt(pem.decode("ascii")), "selector": key.selector, "at": utcnow().isoformat()}))
        events.record("settings_changed", by=by, key=f"{PREFIX}{domain}", scope="site")
    return key


def forget(domain: str, *, by: Actor) -> None:
    """Sign no mail of a domain any more."""
    permissions.require(by, "manage_mailboxes")
    with transaction() as current:
        current.execute(sa.delete(SettingValue).where(
            SettingValue.scope == "site", SettingValue.key == f"{PREFIX}{domain.lower()}"))
        events.record("settings_changed", by=by, key=f"{PREFIX}{domain.lower()}", scope="site")

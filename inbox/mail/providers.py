"""What is known of mail providers: their servers, and how they let a program in (OAuth 2).

The servers are as the providers' own help pages state them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Provider:
    """An OAuth 2 provider. `console` is where an application and its secret are made, for people."""

    authorize_url: str
    token_url: str
    scope: str
    console: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def of_tenant(self, tenant: str) -> Provider:
        """The same with the tenant in its addresses."""
        return replace(self, authorize_url=self.authorize_url.format(tenant=tenant),
                       token_url=self.token_url.format(tenant=tenant))


OAUTH = {
    "google": Provider(
        "https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token",
        "https://mail.google.com/", "console.cloud.google.com", {"access_type": "offline", "prompt": "consent"}),
    "microsoft": Provider(
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/POP.AccessAsUser.All "
        "https://outlook.office.com/SMTP.Send offline_access", "entra.microsoft.com",
        {"prompt": "select_account", "response_mode": "query"}),
}


@dataclass(frozen=True)
class Preset:
    """The servers of a provider. A server is (host, port, security). `domains`: addresses that surely are theirs."""

    title: str
    imap: tuple[str, int, str]
    smtp: tuple[str, int, str]
    pop3: tuple[str, int, str] | None = None
    domains: tuple[str, ...] = ()
    sign_in: str = "password"
    sent_folder: str = ""  # empty: what goes out by their server lies there by itself
    needs_app_password: bool = False


def _tls(host: str) -> tuple[str, int, str]:
    return host, 993, "tls"


PRESETS: dict[str, Preset] = {
    "gmail": Preset("Gmail, Google Workspace", _tls("imap.gmail.com"), ("smtp.gmail.com", 465, "tls"),
                    ("pop.gmail.com", 995, "tls"), ("gmail.com", "googlemail.com"), "google"),
    "microsoft": Preset("Microsoft 365, Outlook.com", _tls("outlook.office365.com"),
                        ("smtp.office365.com", 587, "starttls"), ("outlook.office365.com", 995, "tls"),
                        ("outlook.com", "hotmail.com", "live.com", "msn.com"), "microsoft"),
    "yahoo": Preset("Yahoo Mail", _tls("imap.mail.yahoo.com"), ("smtp.mail.yahoo.com", 465, "tls"),
                    ("pop.mail.yahoo.com", 995, "tls"), ("yahoo.com", "ymail.com", "aol.com"),
                    needs_app_password=True),
    "icloud": Preset("iCloud Mail", _tls("imap.mail.me.com"), ("smtp.mail.me.com", 587, "starttls"), None,
                     ("icloud.com", "me.com", "mac.com"), sent_folder="Sent Messages", needs_app_password=True),
    "fastmail": Preset("Fastmail", _tls("imap.fastmail.com"), ("smtp.fastmail.com", 465, "tls"),
                       ("pop.fastmail.com", 995, "tls"), ("fastmail.com", "fastmail.fm"), sent_folder="Sent",
                       needs_app_password=True),
    "zoho": Preset("Zoho Mail", _tls("imap.zoho.com"), ("smtp.zoho.com", 465, "tls"), ("pop.zoho.com", 995, "tls"),
                   ("zoho.com", "zohomail.com"), needs_app_password=True),
    "gmx": Preset("GMX", _tls("imap.gmx.net"), ("mail.gmx.net", 587, "starttls"), ("pop.gmx.net", 995, "tls"),
                  ("gmx.net", "gmx.de", "gmx.at", "gmx.ch"), sent_folder="Gesendet"),
    "webde": Preset("WEB.DE", _tls("imap.web.de"), ("smtp.web.de", 587, "starttls"), ("pop3.web.de", 995, "tls"),
                    ("web.de",), sent_folder="Gesendet"),
    "mailboxorg": Preset("mailbox.org", _tls("imap.mailbox.org"), ("smtp.mailbox.org", 465, "tls"),
                         ("pop3.mailbox.org", 995, "tls"), ("mailbox.org",), sent_folder="Sent"),
    "ionos": Preset("IONOS", _tls("imap.ionos.com"), ("smtp.ionos.com", 465, "tls"), ("pop.ionos.com", 995, "tls"),
                    sent_folder="Sent"),
    "domeneshop": Preset("Domeneshop", _tls("imap.domeneshop.no"), ("smtp.domeneshop.no", 587, "starttls"),
                         ("pop.domeneshop.no", 995, "tls"), sent_folder="Sent"),
    "onecom": Preset("one.com", _tls("imap.one.com"), ("send.one.com", 465, "tls"), ("pop.one.com", 995, "tls"),
                     sent_folder="Sent"),
    "yandex": Preset("Yandex Mail", _tls("imap.yandex.com"), ("smtp.yandex.com", 465, "tls"),
                     ("pop.yandex.com", 995, "tls"), ("yandex.com", "yandex.ru"), needs_app_password=True),
    "proton": Preset("Proton Mail (Bridge on this machine)", ("127.0.0.1", 1143, "starttls"),
                     ("127.0.0.1", 1025, "starttls"), None, ("proton.me", "protonmail.com")),
}


def preset_for(address: str) -> str | None:
    """The preset of an address at a provider's own domain."""
    domain = address.rpartition("@")[2].strip().lower()
    return next((key for key, each in PRESETS.items() if domain in each.domains), None)

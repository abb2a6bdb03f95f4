"""What the name servers say of a domain we send from: MX (RFC 5321), SPF (RFC 7208), DMARC (RFC 7489).

DKIM keys cannot be listed, only asked for by their selector, so the usual ones are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Answer = tuple[str, str, str, str]  # what, state (ok, warning, wrong), words, how to mend
Ask = Callable[[str, str], list[str]]
SELECTORS = ("default", "mail", "dkim", "google", "selector1", "selector2", "s1", "k1")


class CannotAsk(Exception):
    """The name servers did not answer, or there is no way to ask them; the message says which."""


def ask(name: str, kind: str) -> list[str]:
    """The records of a name as text, none when there is no such name. Raises CannotAsk."""
    try:
        import dns.exception
        import dns.resolver
    except ImportError as error:
        raise CannotAsk("dnspython is not installed. Install it with: pip install 'pluginbox[dns]'") from error
    try:
        answers = dns.resolver.resolve(name, kind, lifetime=10)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise CannotAsk(f"The name servers did not answer: {error}") from error
    if kind == "TXT":
        return [b"".join(each.strings).decode("utf-8", "replace") for each in answers]
    return [each.to_text() for each in answers]


def examine(domain: str, ask: Ask = ask, own: tuple[str, str] | None = None) -> Iterator[Answer]:
    """Look at MX, SPF, DMARC and DKIM of a domain. `own`: name and content of the record of our own key."""
    try:
        yield _mx(domain, ask)
        yield _spf(domain, ask)
        yield _dmarc(domain, ask)
        yield _own_dkim(*own, ask) if own is not None else _dkim(domain, ask)
    except CannotAsk as error:
        yield "DNS", "warning", str(error), "Try again later, or from another machine."


def _mx(domain: str, ask: Ask) -> Answer:
    hosts = ask(domain, "MX")
    if hosts:
        return "MX", "ok", f"Mail to it goes to {', '.join(sorted(hosts))}.", ""
    return ("MX", "wrong", "It has no MX record: answers of customers may not arrive.",
            f"Add an MX record for {domain} that names the server that takes its mail.")


def _spf(domain: str, ask: Ask) -> Answer:
    found = [each for each in ask(domain, "TXT") if each.lower().split(" ")[0] == "v=spf1"]
    if len(found) > 1:
        return ("SPF", "wrong", "It has several SPF records, which counts as an error.", "Join them into one.")
    if not found:
        return ("SPF", "warning", "It has no SPF record: what we send may be taken for spam.",
                f'Add a TXT record for {domain}: "v=spf1 include:<your mail provider> ~all".')
    if "+all" in found[0].lower().split():
        return "SPF", "wrong", "Its SPF record lets everybody send in its name (+all).", "End the record with ~all."
    return "SPF", "ok", found[0], ""


def _dmarc(domain: str, ask: Ask) -> Answer:
    found = [each for each in ask(f"_dmarc.{domain}", "TXT") if each.replace(" ", "").lower().startswith("v=dmarc1")]
    if len(found) != 1:
        return ("DMARC", "warning", "It has no DMARC record." if not found else "It has several DMARC records.",
                f'One TXT record for _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:<your address>".')
    return "DMARC", "ok", found[0], ""


def _own_dkim(name: str, record: str, ask: Ask) -> Answer:
    """This desk signs by itself: the record has to hold the other half of its key."""
    found = ["".join(each.split()).rstrip(";") for each in ask(name, "TXT")]
    if "".join(record.split()) in found:
        return "DKIM", "ok", "What we send is signed, and the record fits the key.", ""
    words = "What we send is signed, but its record holds another key." if found else (
        "What we send is signed, but there is no record for the key: it counts for nothing.")
    return "DKIM", "wrong", words, f'One TXT record for {name}: "{record}"'


def _dkim(domain: str, ask: Ask) -> Answer:
    for selector in SELECTORS:
        if any("p=" in each for each in ask(f"{selector}._domainkey.{domain}", "TXT")):
            return "DKIM", "ok", f"There is a key with the selector {selector}.", ""
    return ("DKIM", "warning", "None of the usual selectors has a key; your provider may use another one.",
            "Ask your mail provider whether it signs what you send, and which record that needs.")

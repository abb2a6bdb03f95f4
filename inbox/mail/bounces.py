"""Delivery failure reports: who could not be reached, for good or for now, and which message it was.

RFC 3464 reports say it in fields. Many mail systems only write sentences; there the addresses in the text
above the returned message are taken. Every search looks at a bounded piece of text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from itertools import islice

from inbox.mail import headers
from inbox.mail.parse import ParsedMessage, parse

_NESTED = 500_000  # bytes of a wrapped report
_TEXT = 20_000  # characters of a report that are searched
_DAEMON = re.compile(
    r"^(?:mailer[._-]?daemon|mail[._-]?daemon|postmaster|mdaemon|mmdf|maildelivery|mailerdaemon|"
    r"mail[._-]?delivery(?:[._-]?(?:sub)?system)?|uucp|smtp|bounces?|mailadmin|mail-?admin|"
    r"(?:microsoftexchange[0-9a-f]{10,40}))(?:[+=-].*)?$", re.I)
_DAEMON_NAME = re.compile(
    r"mail(?:er)?[ _-]?daemon|mail delivery (?:sub)?system|postmaster|delivery (?:status|subsystem)|"
    r"mail administrator|^\W?system administrator|internet mail delivery|mail router|e-?mail notifier", re.I)
_SUBJECT = re.compile(
    r"undeliver|delivery (?:status notification|failure|(?:has )?failed|problem|error|report|notification|"
    r"unsuccessful)|"
    r"failure notice|fail(?:ed|ure)[ :-]+(?:delivery|mail|to deliver)|mail delivery|returned (?:mail|e-?mail|message)|"
    r"message (?:not delivered|undeliverable|delivery|status - undeliver|you sent blocked)|non[- ]?deliver|"
    r"could ?n[o']t (?:be )?deliver|not deliverable|cannot (?:be )?deliver|unable to deliver|nondeliverable|"
    r"returning (?:message|to sender)|mail failed|processing error|automatically rejected|"
    r"user unknown|mail (?:system )?error|warning: (?:could not|message)|delayed mail|"
    r"delivery delayed|mail could not|address (?:error|unknown)|unknown (?:user|address|recipient)|"
    r"kunne ikke leveres|ikke levert|olevererbar|levererades inte|unzustellbar|nicht zugestellt|non remis|"
    r"échec|no se (?:ha podido|puede) entregar|não (?:foi )?entregue|mancato recapito|mancata consegna|onbestelbaar|"
    r"niet bezorgd|niedostarcz|не доставлено|недоставлен|teslim edilemedi|ไม่สามารถ(?:ส่ง|จัดส่ง)|配信不能|配信できません|"
    r"退信|无法投递|無法(?:傳遞|投遞|寄達)|반송|배달되지", re.I)
_WARNING = re.compile(
    r"\bdelayed\b|\bwarning\b|still (?:being )?(?:retried|trying)|will (?:be retried|continue|keep trying)|"
    r"not yet (?:been )?delivered|temporar|you do not need to resend|no action is required|try again later", re.I)
_WORDS = re.compile(
    r"could ?n[o']t be delivered|could not deliver|unable to deliver|not be delivered|undeliver|"
    r"delivery (?:to|attempts|failed|has failed|failure)|permanent(?:ly)? (?:fatal )?(?:error|failure)|"
    r"(?:failed|following) (?:recipient|address)|did not reach|was automatically rejected|mailbox (?:full|not found)|"
    r"(?:user|recipient|address|mailbox|account) (?:unknown|unavailable)|unknown (?:user|recipient|address)|"
    r"no such user|does not exist|returned to (?:you|sender)|was not delivered|failed permanently|"
    r"address(?:es)? (?:failed|rejected)|quota|not listed in|fatal errors", re.I)
# What a sentence means, where no code says it (RFC 3463).
_MEANINGS = (
    ("5.1.2", re.compile(r"(?:unrout(?:e)?able|unknown) (?:mail )?(?:domain|host)|(?:host|domain) (?:unknown|not found|"
                         r"does not exist)|no route to domain|couldn't find any host", re.I)),
    ("5.1.1", re.compile(r"no such (?:user|mailbox|recipient|person)|(?:user|recipient|mailbox|address|account)\W{0,3}"
                         r"(?:is )?(?:unknown|not found|does not exist|doesn't exist|invalid)|unknown (?:user|"
                         r"recipient|address|local part)|not listed in|doesn't have an? \S{1,40} account", re.I)),
    ("5.2.2", re.compile(r"(?:mailbox|mail ?folder|account) (?:is )?(?:full|over)|quota (?:exceeded|violation)|"
                         r"over quota|exceeded (?:its|the|his|storage) ", re.I)),
)
_FULL = re.compile(r"(?:mailbox|mail ?folder|account|storage|user) (?:is |was )?(?:full|over)|quota|"
                   r"insufficient storage|out of storage|too full", re.I)
_GONE = re.compile(r"non-?existent|no (?:such )?(?:user|mailbox|recipient|person)\b|does(?: not|n't) exist|"
                   r"(?:user|recipient|mailbox|address|account) (?:is )?(?:unknown|not found|invalid|disabled)|"
                   r"unknown (?:user|recipient|address)", re.I)
_BLOCKED = re.compile(r"\bspam\b|\bblocked\b|black ?list|block ?list|deny ?list|\bdnsbl\b|\brbl\b|reputation|spamhaus|"
                      r"policy (?:reasons?|violation|rejection)|\bdmarc\b|\bdkim\b|\bspf\b|unsolicited|"
                      r"content (?:rejected|denied)|not (?:authori[sz]ed|allowed) to send", re.I)
# Above these words stand the sender's own addresses, below them those that failed.
_LEAD = re.compile(
    r"following (?:\w+ ){0,2}(?:recipient|address|user)|failed (?:address|recipient)|did not reach|"
    r"(?:un(?:able)? to|not|cannot|couldn't) (?:be )?deliver(?:ed)? (?:\w+ ){0,3}to|intended recipient|"
    r"had (?:permanent|transient) |was automatically rejected|delivery to", re.I)
_CODE = re.compile(r"(?<![\d.])([45]\.\d{1,2}\.\d{1,3})(?![\d.])")
_SMTP = re.compile(r"(?<![\d.\w-])([45])(\d\d)(?=[ -])(?![ -]\d)")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
# So a report begins: the sentence, and the address on a line of its own. A customer writes it all in one.
_SAYS = re.compile(
    r"(?:(?:could ?n[o']t|cannot|can not|unable to|not|failed to|was not|were not)\s(?:be )?deliver(?:ed|able)?\b|"
    r"undeliverable|failed recipients?\b|did not reach the following|pas pu [eê]tre d[eé]livr|"
    r"konnten? nicht zugestellt|"
    r"no (?:se )?ha podido (?:ser )?entrega|non è stato (?:possibile )?(?:consegna|recapita)|kunne ikke leveres til)"
    r"[^@\n]{0,160}\n\s{0,20}(?:[^@\n]{0,80}\n\s{0,20})?(?:[\w ()-]{1,30}:)?[ \t>*<\"'-]{0,20}[\w.+=-]{1,64}@", re.I)
_BARE_NAME = re.compile(r"(?im)^[ \t>*-]{1,10}([a-z0-9][\w.-]{1,40})[ \t]*$")
# Below one of these lines stands the returned message, whose addresses are others.
_RETURNED = re.compile(
    r"(?im)^[^\w\n]{0,40}(?:below this line is a copy|this is a copy of|(?:the )?(?:original|returned|unsent) message"
    r"(?: (?:follows|headers?|text|below|was|is|header follows))?\W{0,30}$|message (?:header|contents|text) follows|"
    r"original (?:message )?(?:headers|details)|the header of the original|copy of (?:the|your) message|"
    r"undelivered message|"
    r"message headers|----- ?(?:original|unsent|unsent) message|(?:text|headers?) of (?:your|the) "
    r"(?:message|mail)|received: |return-path: |message-id: |included is a copy|"
    r"the following is (?:the|a copy)|-+ ?(?:message|mail|returned))")
_CONTEXT = re.compile(
    r"(?im)(?:^\W{0,6}(?:final-recipient|original-recipient|failed recipient|recipient(?: address)?|addressee|"
    r"to|user|rcpt to|address)\W{1,4}|(?:delivery to|deliver (?:\w+ ){0,3}to|sent to|addressed to|recipients?:?|"
    r"following address(?:es)?:?|expanded from:|violation for|for user|user:?|mailbox|account)\s)")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A delivery failure: who, why, and whether a later try is in vain."""

    recipients: list[str]  # lower case; empty if the report does not say
    status: str | None  # RFC 3463, such as 5.1.1
    permanent: bool
    reason: str  # the other server's words, '' if none
    original_message_ids: list[str]  # of the returned message, without brackets

    @property
    def kind(self) -> str:
        """Why, in one word: `full` (the mailbox), `blocked` (refused as unwanted), `hard` (for good), `soft`."""
        code = (self.status or "")[1:]
        if self.permanent and _GONE.search(self.reason):  # many servers give such mail a code of the kind 5.7
            return "hard"
        if code == ".2.2" or (code != ".1.1" and _FULL.search(self.reason)):
            return "full"
        if code.startswith(".7") or (not code.startswith(".1") and _BLOCKED.search(self.reason)):
            return "blocked"
        return "hard" if self.permanent else "soft"


def is_daemon(parsed: ParsedMessage) -> bool:
    """True if the sender is a mail system by its address or name."""
    sender = parsed.from_
    if sender is None:
        return False
    return bool(_DAEMON.match(sender.address.rpartition("@")[0]) or _DAEMON_NAME.search(sender.name[:100]))


def bounce(parsed: ParsedMessage, nested: bool = True) -> Bounce | None:
    """The delivery failure that a message reports, or None. Read receipts and abuse reports are none.

    ``nested``: look for the report inside an attached message too.
    """
    if parsed.report_type == "feedback-report":
        return None
    if parsed.report_type == "disposition-notification":
        return _from_text(parsed) if _was_refused(parsed) else None
    fields = _report_fields(parsed)
    if fields:
        return _from_report(parsed, fields)
    if nested and parsed.report_type == "delivery-status":
        for attachment in parsed.attachments:  # a scanner wrapped the report and added its own words
            if attachment.content_type == "message/rfc822" and len(attachment.data) <= _NESTED:
                inner = bounce(parse(attachment.data), nested=False)
                if inner is not None:
                    return inner
    if _looks_like_bounce(parsed):
        return _from_text(parsed)
    return None


def _was_refused(parsed: ParsedMessage) -> bool:
    """Mail servers that refuse a message late say so in the form of a receipt: "automatically rejected"."""
    submitted = (parsed.header("auto-submitted") or "").lower()
    return "rejected" in submitted or (is_daemon(parsed) and "rejected" in parsed.subject.lower()[:200])


def _report_fields(parsed: ParsedMessage) -> list[dict[str, str]]:
    """The groups of a message/delivery-status part that name a recipient."""
    groups = []
    for attachment in parsed.attachments:
        if attachment.content_type not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        text = attachment.data[:200_000].decode("utf-8", "replace").replace("\r\n", "\n")
        for block in re.split(r"\n[ \t]*\n", text)[:500]:
            group: dict[str, str] = {}
            for line in re.sub(r"\n[ \t]+", " ", block).split("\n"):
                name, colon, value = line.partition(":")
                if colon and name.strip().lower() not in group:
                    group[name.strip().lower()] = headers.decode_words(value.strip())[:2000]
            if "final-recipient" in group or "original-recipient" in group or "action" in group:
                groups.append(group)
    return groups


def _from_report(parsed: ParsedMessage, groups: list[dict[str, str]]) -> Bounce | None:
    failed = [g for g in groups if _action(g) in ("failed", "failure", "error", "delayed")]
    if not failed:
        return None
    hard = [g for g in failed if _action(g) != "delayed"]
    chosen = hard or failed
    recipients = list(dict.fromkeys(
        address for g in chosen if (address := _recipient(g))))
    status = next((code.group(1) for g in chosen if (code := _CODE.search(g.get("status", "")))), None)
    diagnostic = next((g["diagnostic-code"] for g in chosen if g.get("diagnostic-code")), "")
    if status in (None, "5.0.0", "4.0.0"):
        finer = _CODE.search(diagnostic)
        status = finer.group(1) if finer and (status is None or finer.group(1)[0] == status[0]) else status
    permanent = bool(hard) and not (status or "5").startswith("4")
    reason = re.sub(r"^[\w.-]{1,20}\s*;\s*", "", diagnostic)
    recipients = recipients or _addresses_in(parsed)
    return Bounce(recipients, status, permanent, headers.clean(reason)[:500], original_ids(parsed))


def _action(group: dict[str, str]) -> str:
    action = re.split(r"[\s(;]", group.get("action", "").lower().strip() + " ")[0]
    if not action:
        return "failed" if group.get("status", "")[:1] in ("4", "5") else ""
    return action


def _recipient(group: dict[str, str]) -> str | None:
    """The address that failed as we wrote it, so that our own recipient is found; else where it was sent on."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        found = _ADDRESS.search(group.get(name, "").partition(";")[2] or group.get(name, ""))
        if found:
            return found.group().lower().strip(".")
    return None


def _looks_like_bounce(parsed: ParsedMessage) -> bool:
    text = parsed.text[:_TEXT]
    if parsed.header("x-failed-recipients") or (
            parsed.from_ and parsed.from_.address.lower().startswith("mailer-daemon@")):
        return True
    null = (parsed.header("return-path") or "x").strip() in ("<>", "")
    subject = bool(_SUBJECT.search(parsed.subject[:300]))
    if parsed.report_type == "delivery-status" or (is_daemon(parsed) and (subject or _WORDS.search(text))):
        return True
    if null or parsed.from_ is None:
        return subject or bool(_WORDS.search(text) and _CODE.search(text))
    if subject and not (parsed.references or parsed.in_reply_to) and _SAYS.search(text[:400]):
        return True
    # A customer of a shop writes of deliveries too: from a person's address it takes all the signs.
    return subject and bool(_WORDS.search(text) and _CODE.search(text) and _ADDRESS.search(text))


def _from_text(parsed: ParsedMessage) -> Bounce:
    text = _own_words(parsed)
    code = _CODE.search(text)
    smtp = _SMTP.search(text)
    status = code.group(1) if code else None
    first = (status or (smtp.group(1) if smtp else ""))[:1]
    warned = bool(_WARNING.search(parsed.subject[:300])) and not _MEANINGS[1][1].search(parsed.subject[:300])
    permanent = first != "4" and not warned
    if not first and _WARNING.search(text) and not re.search(r"permanent|fatal|unknown|failed", text, re.I):
        permanent = False
    found: re.Match[str] | None = code or smtp
    for meaning, pattern in _MEANINGS if status is None else ():
        said = pattern.search(text)
        if said:
            status = ("4" if first == "4" else "5") + meaning[1:]
            found = found or said
            break
    reason = ""
    if found:
        begin = text.rfind("\n", 0, found.start()) + 1
        reason = text[begin : begin + 500].split("\n\n")[0]
    return Bounce(_addresses_in(parsed), status, permanent, headers.clean(reason)[:500], original_ids(parsed))


def _own_words(parsed: ParsedMessage) -> str:
    """The text of the report above the returned message."""
    text = parsed.text[:_TEXT]
    cut = _RETURNED.search(text, min(40, len(text)))
    return text[: cut.start()] if cut else text


def _addresses_in(parsed: ParsedMessage) -> list[str]:
    failed = parsed.header_all("x-failed-recipients")
    found = [a.lower() for value in failed for a in _ADDRESS.findall(value)]
    if found:
        return list(dict.fromkeys(found))
    text = _own_words(parsed)
    ours = {a.address.lower() for a in [*parsed.to, *parsed.cc]}
    if parsed.from_:
        ours.add(parsed.from_.address.lower())
    lead = _LEAD.search(text)
    if lead and _ADDRESS.search(text, lead.end()):
        text = text[text.rfind("\n", 0, lead.start()) + 1 :]
    near: list[str] = []
    other: list[str] = []
    for match in islice(_ADDRESS.finditer(text), 300):
        address = match.group().lower().strip(".'`").removeprefix("smtp=")
        if address in ours or _DAEMON.match(address.rpartition("@")[0]):
            continue
        begin = text.rfind("\n", 0, match.start()) + 1
        before = text[max(begin, match.start() - 200) : match.start()]
        alone = not re.sub(r"[\W\d_]", "", before)
        (near if alone or _CONTEXT.search(before) else other).append(address)
    if not near and not other and lead and parsed.from_:
        # Some systems name their own users without the domain.
        return [f"{name.lower()}@{parsed.from_.address.rpartition('@')[2].lower()}"
                for name in _BARE_NAME.findall(text[:2000])[:1]]
    return list(dict.fromkeys(near or other[:1]))[:100]


def original_ids(parsed: ParsedMessage) -> list[str]:
    """Message-IDs of the returned message: from its attached header, else from the text."""
    ids: list[str] = []
    for attachment in parsed.attachments:
        if attachment.content_type in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers",
                                       "message/global", "message/global-headers"):
            inner = BytesHeaderParser().parsebytes(attachment.data[:200_000].lstrip())
            ids += headers.message_ids(str(inner.get("message-id", "")), 5)
    if not ids:
        for line in re.findall(r"(?im)^[ >]{0,6}message-id:\s{0,9}(<[^<>\s]{3,300}>)", parsed.text[:200_000]):
            ids += headers.message_ids(line, 5)
    return list(dict.fromkeys(ids))[:20]

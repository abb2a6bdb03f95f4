"""The program's mail parser in the words of the corpus scorers (check_mail.py, check_html.py)."""

from inbox.mail import body as bodies
from inbox.mail import forwards, guards
from inbox.mail import sanitise as sanitiser
from inbox.mail.parse import parse as parse_message


def parse(raw: bytes) -> dict:
    """One message as the scorer wants it."""
    message = parse_message(raw)
    body = bodies.build(message)
    sender = message.from_
    bounce = guards.bounce(message)
    original = forwards.original(message)
    return {
        "from_address": sender.address if sender else "",
        "from_name": sender.name if sender else "",
        "to": [a.address for a in message.to],
        "cc": [a.address for a in message.cc],
        "reply_to": [a.address for a in message.reply_to],
        "subject": message.subject,
        "message_id": message.message_id,
        "in_reply_to": message.in_reply_to,
        "references": message.references,
        "text": message.text,
        "html": message.html,
        "reply_text": body.text_visible,
        "attachments": [
            {"filename": a.filename, "content_type": a.content_type, "content": a.data} for a in message.attachments
        ],
        "is_auto_reply": bounce is not None or guards.is_automatic(message) is not None,
        "is_bounce": bounce is not None,
        "bounced_addresses": bounce.recipients if bounce else [],
        "bounce_status": bounce.status if bounce else None,
        "bounce_permanent": bounce.permanent if bounce else False,
        "forwarded_from": original.address if original else "",
        "is_feedback_report": guards.is_feedback_report(message),
    }


def sanitise(html: str) -> str:
    """Hostile HTML made safe."""
    return sanitiser.sanitise(html).html

"""The text of what is posted: plain or HTML; HTML is sanitised, and plain text made from it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from inbox.core.errors import Invalid
from inbox.core.messages import Body
from inbox.mail import htmltext
from inbox.mail.sanitise import sanitise
from inbox.web.api import base

LONGEST = 1_000_000  # characters


class BodyIn(base.Strict):
    """`text` or `html`; with both, `text` is the plain part."""

    text = fields.String(validate=ma.validate.Length(max=LONGEST))
    html = fields.String(validate=ma.validate.Length(max=LONGEST), metadata={"description": "Will be sanitised."})

    @ma.validates_schema
    def _some(self, data: dict[str, Any], **options: Any) -> None:
        if "text" not in data and "html" not in data:
            raise ma.ValidationError("Give text or html.", "text")


def body_of(given: dict[str, Any]) -> Body:
    """What was posted, safe to store and show. Raises Invalid for HTML that is too big to clean."""
    text = given.get("text", "")
    if "html" not in given:
        return Body(text)
    clean = sanitise(given["html"])
    if clean.too_big:
        raise Invalid("html", "This HTML is too big or too deeply nested.")
    return Body(text or htmltext.to_text(clean.html), clean.html, clean.needs_frame)

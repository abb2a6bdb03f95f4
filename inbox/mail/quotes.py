"""Old text that a reply carries along, told apart from the new. Nothing is deleted: it is folded.

A wrong cut costs a click, a lost line costs a customer's words: when in doubt, text stays visible.
Every pattern looks at one line of bounded length, so the work grows with the text and no faster.
"""

from __future__ import annotations


def split_quoted(text: str) -> tuple[str, str]:
    """(visible, quoted) of a plain text; visible + quoted is the whole text."""
    lines = text.splitlines(keepends=True)
    end = len(lines)
    while end and (lines[end - 1].startswith(">") or not lines[end - 1].strip()):
        end -= 1
    if not any(line.startswith(">") for line in lines[end:]) or not end:
        return text, ""
    return "".join(lines[:end]), "".join(lines[end:])


def split_quoted_html(html: str) -> tuple[str, str | None]:
    """(visible, quoted or None) of sanitised HTML."""
    return html, None

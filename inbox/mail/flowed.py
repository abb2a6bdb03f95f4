"""format=flowed (RFC 3676): lines that a mail program wrapped are joined again."""

from __future__ import annotations


def unwrap(text: str, delsp: bool = False) -> str:
    """``text`` with soft line breaks undone; quote depth and the signature mark are kept."""
    paragraphs: list[list[str]] = []
    open_depth: int | None = None  # quote depth of a paragraph that the next line may continue
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:]
        if content.startswith(" "):
            content = content[1:]
        is_mark = content == "-- "
        soft = content.endswith(" ") and not is_mark
        if soft and delsp:
            content = content[:-1]
        if open_depth == depth and not is_mark and paragraphs:
            paragraphs[-1].append(content)
        else:
            paragraphs.append([">" * depth + " " if depth else "", content])
        open_depth = depth if soft else None
    lines = ("".join(paragraph) for paragraph in paragraphs)
    return "\n".join(line if line.endswith("-- ") else line.rstrip(" ") for line in lines)

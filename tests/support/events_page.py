"""Writes docs/reference/events.md from inbox/core (`make docs`): every kind of event, and what it carries."""

import ast
from collections import defaultdict
from pathlib import Path

from inbox.core.events import KINDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "events.md"
CORE = ROOT / "inbox" / "core"
INTRODUCTION = """# Events

Written by `make docs` from the program. An event is a fact: a row, written in the same transaction as what it tells of,
and never changed. The timeline, notifications, webhooks and plugins all hang on it.

A plugin hears of an event by the hook of the same name, where there is one ([hooks](hooks.md)), and of every event by
`event_recorded(event)`:

```python
from inbox.toolkit import hookimpl

@hookimpl
def event_recorded(event):
    if event.kind == "ticket_tagged" and event.data["tag"] == "vip":
        ...
```

| of every event | |
|---|---|
| `id` | unique, growing; the same when an event is told twice |
| `kind` | one of those below, or `<plugin>.<word>` of a plugin |
| `at` | when, aware, in UTC |
| `ticket_id` | the ticket it is about, if it is about one |
| `message_pk` | the message it is about, if it is about one |
| `actor_kind`, `actor_id` | who did it: `agent` or `customer` with an id, or `system` |
| `source` | through what: `web`, `mail`, `api`, `cli`, `rule`, `plugin:<name>`, … |
| `caused_by` | the event that a plugin answered by doing this |
| `data` | the values below: ids and short texts, never whole messages; None after the ticket was deleted for good |

Events come at least once and, for one ticket and plugin, in order. A plugin is not told of what it did itself.

## Kinds

| kind | what happened | about | `data` |
|---|---|---|---|
"""
RECORDING = ("events.record", "events.put", "events.record_many")
NOT_TOLD = {"by", "audit_subject", "changes"}
ABOUT = {"ticket": "ticket", "message": "message"}


def carried() -> dict[str, set[str]]:
    """What is given with each kind where it is recorded, as names of arguments."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(CORE.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        unnamed: set[str] = set()
        named: set[str] = set()
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) in RECORDING):
                continue
            given = {each.arg for each in node.keywords if each.arg and not _is_none(each.value)} - NOT_TOLD
            for facts in node.args[1:]:  # of record_many: a dictionary each
                given |= {key.value for each in ast.walk(facts) if isinstance(each, ast.Dict)
                          for key in each.keys if isinstance(key, ast.Constant)}
            kind = node.args[0]
            if isinstance(kind, ast.Constant):
                found[kind.value] |= given
                named.add(kind.value)
            else:
                unnamed |= given
        if path.name not in ("events.py", "automatic.py"):  # where the kind is chosen at run time, the file names it
            for kind in (texts & KINDS.keys()) - named:
                found[kind] |= unnamed
    return found


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def page() -> str:
    """Return the whole page."""
    rows, given_with = [], carried()
    for kind, words in KINDS.items():
        given = given_with.get(kind, set())
        about = ", ".join(each for each in ABOUT if each in given)
        data = ", ".join(f"`{each}`" for each in sorted(given - ABOUT.keys()))
        rows.append(f"| `{kind}` | {words} | {about} | {data} |")
    return INTRODUCTION + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

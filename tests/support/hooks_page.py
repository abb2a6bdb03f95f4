"""Writes docs/reference/hooks.md from inbox/hookspecs.py (`make docs`)."""

from pathlib import Path

from inbox import hookspecs
from inbox.hookspecs import HookSpec, Kind

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"
INTRODUCTION = """# Hooks

Written by `make docs` from `inbox/hookspecs.py`. A plugin answers a hook with a function of the same name:

```python
from inbox.toolkit import hookimpl

@hookimpl
def prepare_ticket(ticket, message):
    if "invoice" in message.subject.lower():
        ticket.priority = "high"
```

It takes the arguments it needs, by name, and leaves out the others. A default value, a wrapper or a name that is no
hook is refused when the plugin is loaded, with the file and line. Plugins are asked in the order of their names; no
plugin may depend on another's place.

Arguments may be added to a hook, never renamed. `provisional` hooks may still change in a minor version; `stable` ones
are announced as `deprecated` two minor versions and six months before they go.

## The eight kinds

The kind of a hook decides everything else.

| kind | asked | may write | may use the network | returns | when the plugin fails |
|---|---|---|---|---|---|
| `register` | when its items are wanted | no | no | a list | its items are missing |
| `check` | just before a change | no | no | nothing, or raises `Rejected("why")` | counts as allowed |
| `prepare` | just before something new is stored | fields of it | no | nothing | it is put back as it was |
| `choose` | when one answer is needed | no | no | one answer, or None to pass | the next plugin is asked |
| `filter` | where a value is used | no | no | the value, changed; None leaves it | the value stays as it was |
| `event` | after the commit, in a job | own tables; the rest through core | yes | nothing | tried again, ever later |
| `slot` | while a page is drawn | no | no | a list of items | nothing is shown |
| `lifecycle` | when something happens to the plugin | as events | yes | nothing | the operation is undone |

No plugin code runs inside a write of the core: on SQLite one slow answer would stop every other writer. So `check`,
`prepare`, `choose`, `filter` and `slot` are asked before the write begins, and whatever a plugin tries to write there
is refused. Event answers open `with transaction():` around a write, and never use the network inside it.

Events come at least once and, for one ticket, in order. A process can end between an answer and the note of it, so an
answer uses `event.id` to find out that it ran before. A plugin is not told of what it did itself, unless its answer is
marked with `@hears_itself` (below `@hookimpl`); chains of answers to its own answers
end after two, those of several plugins after five. An answer that has nothing to do with most events says so with
`@hears_only(wanted)`: the function `wanted` is given the events that wait for it, some at once, and returns those to
tell. The others count as told and cost next to nothing (no ticket is loaded for them, no call guarded). `follow_ups` is
such a function: of messages, those that are not a ticket's first, which comes with `ticket_created`.

Every failure (an exception, `sys.exit`, a wrong type, a transaction ended that was not its own, a call of more than ten
seconds) is stored with plugin, hook, ticket and traceback. Ten within ten minutes pause the plugin, grave ones sooner
([how much each weighs](chaos.md)): admins get a mail, its events wait until a person resumes it on its page or with
`inbox plugin activate`. `INBOX_SAFE_MODE=1` starts without any plugin; `INBOX_TRACE_HOOKS=1` logs every call.

Limits: a panel has at most 50 facts and links, each text 2,000 characters; a place on a page takes 50 items of one
plugin; a drawn template has at most 100,000 characters; a write transaction lasts two seconds at most; a plugin is
imported within ten seconds.
"""
TITLES = {Kind.register: "Things to register", Kind.check: "Checks", Kind.prepare: "Preparing new objects",
          Kind.choose: "Choices", Kind.filter: "Filters", Kind.event: "Events", Kind.slot: "Slots",
          Kind.lifecycle: "The plugin's own life"}


def describe(spec: HookSpec) -> str:
    """Return the section of one hook."""
    facts = [f"Since {spec.since}", spec.status]
    if spec.answer is not None:
        items = f" of {spec.item.__name__}" if spec.item is not None else ""
        facts.append(f"answers with {spec.answer.__name__}{items}")
    return f"### `{spec.signature}`\n\n{spec.doc}\n\n{', '.join(facts)}.\n"


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    specs = sorted(hookspecs.collect(hookspecs).values(), key=lambda spec: spec.name)
    for kind in Kind:
        of_kind = [spec for spec in specs if spec.kind is kind]
        if of_kind:
            parts += [f"## {TITLES[kind]}\n", *(describe(spec) for spec in of_kind)]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

"""Writes docs/reference/toolkit.md from inbox/toolkit.py (`make docs`): everything a plugin may import."""

import dataclasses
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from inbox import toolkit
from inbox.plugin_host.items import Item

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "toolkit.md"
INTRODUCTION = """# The toolkit

Written by `make docs` from `inbox/toolkit.py`, the one module of the program that a plugin imports. What is not here
may change without notice; how long what is here stays as it is, says [the stability of
hooks](../explanation/hooks-stability.md).

```python
from inbox.toolkit import Panel, hookimpl, http, session, settings, transaction
```

**Reading and writing.** `session()` is the SQLAlchemy session; reading needs nothing else. Writing goes inside
`with transaction() as session:`, in event hooks, jobs and pages, and lasts milliseconds: ask other servers first, then
write. Tables are classes of `Model`, their names begin with the plugin's, `migrations/` makes them; times are
`UtcDateTime` and aware. What is the core's own is changed by its functions (`tickets.tag(ticket, "vip", by=me())`),
which check, write and record the [event](events.md).

**Pages.** A view of a blueprint begins with `agent = signed_in("loyalty.edit")` and ends with `render("list.html", …)`,
or with `flash(…)` and a redirect to `plugin_url("page")`. A list that goes on shows the way with
`{% from "plugin/_pager.html" import pager %}` and `{{ pager(plugin_url("page", after=following) if following) }}`.

**Other servers.** `http.get(url)` and `http.post(url, json=…)` return an answer with `.status`, `.headers`, `.text`,
`.json()` and `.require()`. All failures are `http.Failed`: `Unreachable` (nobody there, too slow, no safe connection),
`Refused` (private networks, unless the site owner allows them by `private_hosts`; answers that are too large),
`BadAnswer` (an error, or no JSON). The time limit is for the whole request. It refuses to work inside a transaction and
while a page is drawn: return `Panel(load=plugin_url(…))`, and ask in that page. `http.cached(key, seconds, fetch)`
gives the older answer with its age and the reason when the other side is down:

```python
found = http.cached(f"shop.orders.{customer.id}", 60, lambda: http.get(url).require().json())
if found.is_old:
    note = f"From {found.at:%H:%M}: {found.problem}"
```

**Webhooks that come in.** `signatures.verify_hmac(body, header, secret, encoding="base64")` and
`signatures.verify(body, header, secret)` compare in constant time and raise `signatures.BadSignature`.
"""


# What comes from elsewhere without a word of its own.
WORDS = {"gettext": "A text in the reader's language, from the plugin's catalogue, else from ours: "
                    "`gettext(\"%(n)s points\", n=7)`.",
         "ngettext": "The same for one and for many: `ngettext(\"%(num)s point\", \"%(num)s points\", 7)`.",
         "hookimpl": "Marks a function as the plugin's answer to the hook of its name."}


def line(name: str, value: Any) -> str:
    """Return the row of one name."""
    words = WORDS.get(name) or (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
    return f"| `{_called(name, value)}` | {words} |"


def _called(name: str, value: Any) -> str:
    if isinstance(value, ModuleType):
        return name
    if dataclasses.is_dataclass(value):
        fields = [field for field in dataclasses.fields(value) if field.init and not field.kw_only]
        return f"{name}({', '.join(_field(each) for each in fields)})"
    if inspect.isfunction(value) and name not in WORDS:
        return f"{name}({', '.join(inspect.signature(value).parameters)})"
    return name


def _field(field: dataclasses.Field[Any]) -> str:
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    return field.name if required else f"{field.name}=…"


def kind_of(value: Any) -> str:
    """Return the heading under which a name stands."""
    if isinstance(value, ModuleType):
        return "Modules"
    if isinstance(value, type):
        if issubclass(value, Item):
            return "What hooks answer with"
        return "Errors" if issubclass(value, Exception) else "Classes"
    return "Functions"


def functions_of(name: str, module: ModuleType) -> list[str]:
    """Return the rows of a module's own public functions."""
    return [line(f"{name}.{each}", value) for each, value in sorted(vars(module).items())
            if inspect.isfunction(value) and not each.startswith("_")
            and (value.__module__ == module.__name__ or each in getattr(module, "__all__", ()))]


def page() -> str:
    """Return the whole page."""
    named = {name: getattr(toolkit, name) for name in toolkit.__all__}
    parts = [INTRODUCTION]
    for heading in ("What hooks answer with", "Functions", "Modules", "Classes", "Errors"):
        rows = []
        for name, value in named.items():
            if kind_of(value) == heading:
                rows += [line(name, value), *(functions_of(name, value) if heading == "Modules" else [])]
        parts.append(f"## {heading}\n\n| name | |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

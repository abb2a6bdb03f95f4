"""The walls between the parts, read from the source itself.

Every wall is a function from source text to a list of complaints, so that each is tried on a bad sample
beside the real files: a wall that cannot fail is no wall.
"""

import ast
import configparser
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
INBOX = ROOT / "inbox"
PLUGINS = ROOT / "plugins"
TEMPLATES = INBOX / "templates"
LONGEST_FILE = 450

# What each part may import of the program; "*" is everything. A part is a module or package of inbox.
OUTER = {"web", "mail", "jobs", "builtin", "cli", "app", "toolkit", "testing", "demo", "setup"}
INNER = {
    "config": set(),
    "hookspecs": {"plugin_host.items"},
    "db": {"config"},
    "blobs": {"config", "blobs_s3"},
    "blobs_s3": {"blobs"},
    "migrate": {"db"},
    "migrations": {"db"},
    "changes": {"db", "config"},
    "plugin_host": {"colors", "db", "config", "hookspecs", "migrate", "plugin_host"},
    "core": {"blobs", "colors", "core", "db", "config", "hookspecs", "secrets", "plugin_host.call",
             "plugin_host.items"},
    "secrets": {"core.models", "db", "config"},
}
# Between the outer parts: the web knows nothing of how mail or jobs are done, they know nothing of the web.
FORBIDDEN = {
    "mail": {"web", "cli", "builtin"},
    "jobs": {"web", "cli", "builtin"},
    "builtin": {"web", "cli", "mail", "jobs"},
    "web": {"cli"},
}
NOT_IN_CORE = {"flask", "werkzeug", "jinja2", "markupsafe", "flask_login", "flask_wtf", "flask_babel", "wtforms"}
NETWORK = {"socket", "ssl", "http", "httpx", "smtplib", "imaplib", "imapclient", "urllib.request", "aiosmtpd"}


# --- reading ----------------------------------------------------------------------------------------


def python_files(folder: Path) -> Iterator[Path]:
    """Every Python file below a folder."""
    return (path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts)


def plugin_files() -> Iterator[Path]:
    """Every Python file of the bundled plugins, their tests included."""
    return (path for path in python_files(PLUGINS) if path.parent != PLUGINS)


@functools.cache
def nodes(source: str) -> list[ast.AST]:
    """What stands in a file; read once for all walls."""
    return list(ast.walk(ast.parse(source)))


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, module) for every import, wherever it stands; `from a import b` gives `a.b`."""
    for node in nodes(source):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                yield node.lineno, f"{node.module}.{name.name}"


def is_in(module: str, names: set[str]) -> bool:
    """Tell whether a dotted module is one of `names` or lies below one."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def check_all(wall: Callable[[str, str], list[str]], paths: Iterator[Path]) -> None:
    """Hold a wall against files; fail with all complaints."""
    complaints = []
    for path in paths:
        where = str(path.relative_to(ROOT))
        complaints += [f"{where}:{text}" for text in wall(where, path.read_text("utf-8"))]
    assert not complaints, "\n".join(complaints)


# --- imports ----------------------------------------------------------------------------------------


def core_stays_pure(where: str, source: str) -> list[str]:
    """Core: no Flask request, no HTML, no network."""
    return [
        f"{line}: core must not import {module}"
        for line, module in imported(source)
        if is_in(module, NOT_IN_CORE | NETWORK)
    ]


def imports_point_one_way(where: str, source: str) -> list[str]:
    """`web, mail, jobs, builtin, cli → core → plugin_host.call → hookspecs`; nothing imports a plugin."""
    part = Path(where).with_suffix("").parts[1]
    complaints = []
    for line, module in imported(source):
        if is_in(module, {"inbox_plugins", "plugins"}) and part != "plugin_host":
            complaints.append(f"{line}: the program must not import a plugin ({module})")
        if not module.startswith("inbox."):
            continue
        target = module.removeprefix("inbox.")
        top = target.split(".")[0]
        if part in INNER and top not in ("__version__", "hookimpl"):
            if not is_in(target, INNER[part]):
                complaints.append(f"{line}: {part} must not import {module}")
        elif top in FORBIDDEN.get(part, ()):
            complaints.append(f"{line}: {part} must not import {module}")
    return complaints


def plugins_use_the_toolkit(where: str, source: str) -> list[str]:
    """A plugin imports inbox.toolkit, its own modules, and in tests also inbox.testing; nothing else of ours."""
    name = Path(where).parts[1]
    allowed = {"inbox.toolkit", f"inbox_plugins.{name}"}
    if "/tests/" in where:
        allowed |= {"inbox.testing"}
    return [
        f"{line}: a plugin may import {' or '.join(sorted(allowed))}, not {module}"
        for line, module in imported(source)
        if is_in(module, {"inbox", "inbox_plugins", "plugins", "tests"}) and not is_in(module, allowed)
    ]


def test_core_imports_no_flask_and_no_network() -> None:
    check_all(core_stays_pure, python_files(INBOX / "core"))


def test_imports_point_one_way() -> None:
    check_all(imports_point_one_way, python_files(INBOX))


def test_plugins_import_only_the_toolkit() -> None:
    check_all(plugins_use_the_toolkit, plugin_files())


@pytest.mark.parametrize(
    ("wall", "where", "source"),
    [
        (core_stays_pure, "inbox/core/x.py", "from flask import g"),
        (core_stays_pure, "inbox/core/x.py", "def f():\n    import smtplib"),
        (core_stays_pure, "inbox/core/x.py", "from urllib import request"),
        (imports_point_one_way, "inbox/core/x.py", "from inbox.web import pages"),
        (imports_point_one_way, "inbox/core/x.py", "from inbox.plugin_host.registry import Registry"),
        (imports_point_one_way, "inbox/plugin_host/x.py", "import inbox.core.tickets"),
        (imports_point_one_way, "inbox/db.py", "from inbox import core"),
        (imports_point_one_way, "inbox/mail/x.py", "from inbox.web import live"),
        (imports_point_one_way, "inbox/web/x.py", "import inbox_plugins.kb"),
        (plugins_use_the_toolkit, "plugins/kb/views.py", "from inbox.core import tickets"),
        (plugins_use_the_toolkit, "plugins/kb/views.py", "from inbox.testing import app"),
        (plugins_use_the_toolkit, "plugins/kb/views.py", "import inbox_plugins.crm"),
    ],
)
def test_import_walls_can_fail(wall: Callable[[str, str], list[str]], where: str, source: str) -> None:
    assert wall(where, source)


@pytest.mark.parametrize(
    ("wall", "where", "source"),
    [
        (core_stays_pure, "inbox/core/x.py", "from urllib.parse import urlsplit"),
        (imports_point_one_way, "inbox/core/x.py", "from inbox.plugin_host import call"),
        (imports_point_one_way, "inbox/web/x.py", "from inbox.core import tickets"),
        (plugins_use_the_toolkit, "plugins/kb/views.py", "from inbox.toolkit import hookimpl"),
        (plugins_use_the_toolkit, "plugins/kb/tests/test_kb.py", "from inbox.testing import app"),
    ],
)
def test_import_walls_let_through(wall: Callable[[str, str], list[str]], where: str, source: str) -> None:
    assert wall(where, source) == []


# --- transactions, events, hooks --------------------------------------------------------------------


def calls(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every call, as far as it can be read: `a.b().c()` gives `a.b.c`."""

    def dotted(node: ast.expr) -> str:
        if isinstance(node, ast.Attribute):
            return f"{dotted(node.value)}.{node.attr}"
        if isinstance(node, ast.Call):
            return dotted(node.func)
        return node.id if isinstance(node, ast.Name) else "?"

    for node in nodes(source):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def nobody_commits(where: str, source: str) -> list[str]:
    """`transaction()` in inbox/db.py is the only commit; plugins do not roll back or nest either."""
    verbs = {"commit"}
    if where.startswith("plugins/"):
        verbs |= {"rollback", "begin", "begin_nested"}
    found = [line for line, name in calls(source) if "." in name and name.rpartition(".")[2] in verbs]
    if where == "inbox/db.py":
        return [] if len(found) == 1 else [f"{found}: exactly one commit belongs here"]
    return [f"{line}: use inbox.db.transaction() instead" for line in found]


def events_are_recorded_in_core(where: str, source: str) -> list[str]:
    """Only core functions state facts."""
    if where.startswith("inbox/core/"):
        return []
    complaints = [
        f"{line}: only inbox/core records events; call the function of core that makes the fact"
        for line, name in calls(source)
        if name == "events.record" or name.endswith(".events.record")
    ]
    return complaints + [
        f"{line}: only inbox/core records events"
        for line, module in imported(source)
        if module == "inbox.core.events.record"
    ]


def hooks_are_called_in_one_place(where: str, source: str) -> list[str]:
    """Isolation, time limits and faults live in plugin_host/call.py: nobody goes past it to pluggy."""
    if where == "inbox/plugin_host/call.py":
        return []

    def is_hooks(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "hook"

    complaints = []
    for node in nodes(source):
        by_name = isinstance(node, ast.Attribute) and is_hooks(node.value)
        by_string = isinstance(node, ast.Call) and any(is_hooks(argument) for argument in node.args[:1])
        caller = isinstance(node, ast.Attribute) and node.attr in ("subset_hook_caller", "call_historic")
        if by_name or by_string or caller:
            complaints.append(f"{node.lineno}: call hooks through inbox.plugin_host.call")
    return complaints


def exceptions_are_named(where: str, source: str) -> list[str]:
    """No bare `except:`, and none that catches everything and goes on in silence."""
    complaints = []
    for node in nodes(source):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            complaints.append(f"{node.lineno}: a bare except")
            continue
        catches_all = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
        if catches_all and all(isinstance(step, ast.Pass | ast.Continue) for step in node.body):
            complaints.append(f"{node.lineno}: catches everything and says nothing")
    return complaints


def one_clock(where: str, source: str) -> list[str]:
    """Everybody asks inbox.db.utcnow() for the time, so that it is aware, and tests can stop it."""
    asking = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    return [
        f"{line}: use inbox.db.utcnow()"
        for line, name in calls(source)
        if where != "inbox/db.py" and ".".join(name.split(".")[-2:]) in asking
    ]


WALLS = [
    nobody_commits,
    events_are_recorded_in_core,
    hooks_are_called_in_one_place,
    exceptions_are_named,
    one_clock,
]


@pytest.mark.parametrize("wall", WALLS)
def test_wall_stands(wall: Callable[[str, str], list[str]]) -> None:
    check_all(wall, python_files(INBOX))
    check_all(wall, plugin_files())


@pytest.mark.parametrize(
    ("wall", "where", "source"),
    [
        (nobody_commits, "inbox/web/x.py", "db.session.commit()"),
        (nobody_commits, "inbox/web/x.py", "session().commit()"),
        (nobody_commits, "inbox/db.py", "a.commit()\nb.commit()"),
        (nobody_commits, "inbox/db.py", "pass"),
        (nobody_commits, "plugins/kb/x.py", "session.rollback()"),
        (events_are_recorded_in_core, "inbox/web/x.py", "events.record('ticket_created')"),
        (events_are_recorded_in_core, "inbox/web/x.py", "from inbox.core.events import record"),
        (hooks_are_called_in_one_place, "inbox/core/x.py", "pm.hook.ticket_created(ticket=t)"),
        (hooks_are_called_in_one_place, "inbox/core/x.py", "getattr(pm.hook, name)(ticket=t)"),
        (one_clock, "inbox/web/x.py", "dt.datetime.now(dt.UTC)"),
        (exceptions_are_named, "inbox/web/x.py", "try:\n    f()\nexcept:\n    raise"),
        (exceptions_are_named, "inbox/web/x.py", "try:\n    f()\nexcept Exception:\n    pass"),
    ],
)
def test_wall_can_fail(wall: Callable[[str, str], list[str]], where: str, source: str) -> None:
    assert wall(where, source)


# --- files and packages -----------------------------------------------------------------------------


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*python_files(INBOX), *plugin_files()]
        if "migrations" not in path.parts and (lines := len(path.read_text().splitlines())) >= LONGEST_FILE
    }
    assert not long, f"split them by topic: {long}"


def packages_in(folder: Path, name: str) -> set[str]:
    """Return the dotted names of a package and those below it, by their __init__.py."""
    found = (path.parent.relative_to(folder) for path in folder.rglob("__init__.py"))
    return {".".join((name, *path.parts)) for path in found if not {"tests", "scaffold"} & set(path.parts)}


def test_setup_cfg_names_every_package() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    named = set(settings["options"]["packages"].split())
    there = packages_in(INBOX, "inbox") | {"inbox_plugins", "inbox_themes"}
    assert named == there


def test_test_folders_are_packages() -> None:
    """Or two test files of the same name in different folders cannot be collected together."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in python_files(INBOX)
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent, silent


# --- templates --------------------------------------------------------------------------------------


def templates_obey_the_policy(where: str, source: str) -> list[str]:
    """The pages' CSP is script-src 'self'; style-src 'self': inline anything would be dead text."""
    source = re.sub(r"{#.*?#}", lambda m: "\n" * m.group().count("\n"), source, flags=re.S)
    rules = {
        r"<script(?![^>]*\bsrc=)[^>]*>": "an inline <script>",
        r"<style\b": "an inline <style>",
        r"<[a-z][^>]*\sstyle\s*=": "a style attribute",
        r"<[a-z][^>]*\son[a-z]+\s*=": "an on… handler",
        r"javascript:": "a javascript: address",
        r"\|\s*safe\b": "|safe: sanitise in Python and return Markup",
    }
    complaints = []
    for pattern, text in rules.items():
        for match in re.finditer(pattern, source, re.I):
            complaints.append(f"{source.count(chr(10), 0, match.start()) + 1}: {text}")
    return complaints


def posting_forms_carry_the_token(where: str, source: str) -> list[str]:
    """Every form that posts carries the CSRF token."""
    return [
        f"{source.count(chr(10), 0, match.start()) + 1}: a form that posts without csrf_token"
        for match in re.finditer(r"<form\b[^>]*>.*?</form>", source, re.I | re.S)
        if re.search(r"\bmethod\s*=\s*[\"']?post", match.group(), re.I) and "csrf" not in match.group()
    ]


def html_files() -> Iterator[Path]:
    """Every template of the program, its plugins and themes; mail templates are no pages.

    The frame a mail's body is shown in has a policy of its own: it allows styles and nothing else.
    """
    frame = TEMPLATES / "ticket" / "body.html"
    for folder in (TEMPLATES, PLUGINS, ROOT / "themes", INBOX / "builtin"):
        for path in sorted(folder.rglob("*.html")):
            if path != frame and not {"email", "demo"} & set(path.relative_to(ROOT).parts):
                yield path


@pytest.mark.parametrize("wall", [templates_obey_the_policy, posting_forms_carry_the_token])
def test_templates(wall: Callable[[str, str], list[str]]) -> None:
    check_all(wall, html_files())


@pytest.mark.parametrize(
    ("wall", "source"),
    [
        (templates_obey_the_policy, "<p>\n<script>go()</script>"),
        (templates_obey_the_policy, '<p style="color:red">'),
        (templates_obey_the_policy, '<button class="a"\n onclick="go()">'),
        (templates_obey_the_policy, "<style>p{}</style>"),
        (templates_obey_the_policy, "{{ body | safe }}"),
        (posting_forms_carry_the_token, '<form method="post"><input name="a"></form>'),
    ],
)
def test_template_walls_can_fail(wall: Callable[[str, str], list[str]], source: str) -> None:
    assert wall("x.html", source)


def test_template_walls_let_through() -> None:
    good = '<script src="/static/a.js"></script><form method="post">{{ csrf_field() }}</form><p>on = style</p>'
    assert templates_obey_the_policy("x.html", good) == []
    assert posting_forms_carry_the_token("x.html", good) == []

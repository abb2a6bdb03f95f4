"""Pages of plugins: where they lie, who may open them, and what a failing one costs."""

import types
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask, abort
from sqlalchemy.orm import Session

from inbox import hookimpl
from inbox.app import create_app
from inbox.config import Config
from inbox.plugin_host import lifecycle
from inbox.plugin_host.call import PluginFailure
from inbox.plugin_host.items import Pages
from inbox.plugin_host.lifecycle import PluginError
from inbox.plugin_host.models import PluginFault
from inbox.plugin_host.registry import LoadError
from inbox.testing.factories import make_agent
from inbox.testing.plugins import host_of, plug, write_plugin
from tests.web.browse import Visitor

CODE = '''
from flask import Blueprint, abort, request
from inbox.toolkit import (Invalid, NotAllowed, Pages, current_agent, hookimpl, plugin_static, plugin_url, render,
                           session, transaction, settings)

pages = Blueprint("pages", __name__)
open_pages = Blueprint("open", __name__)
hooks = Blueprint("hooks", __name__)

@pages.get("/points")
def points():
    return f"{current_agent().name} {plugin_url('points', customer=7, none=None)} {plugin_url('points', absolute=True)}"

@pages.get("/drawn")
def drawn():
    return render("drawn.html", name="<b>")

@pages.get("/fails")
def fails():
    raise ValueError("no more points")

@pages.get("/late")
def late():
    def parts():
        yield "one"
        raise ValueError("half way")
    return parts()

@pages.get("/strange")
def strange():
    return object()

@pages.get("/gone")
def gone():
    abort(404)

@pages.get("/refused")
def refused():
    raise NotAllowed()

@pages.post("/save")
def save():
    with transaction():
        session().execute(__import__("sqlalchemy").text("UPDATE plugin SET reason = 'saved' WHERE name = 'loyalty'"))
    return "saved"

@open_pages.get("/")
def front():
    return f"front {current_agent()}"

@hooks.post("/told")
def told():
    return "thanks"

@hooks.post("/told-badly")
def told_badly():
    raise ValueError("what")

@hookimpl
def register_blueprints():
    return [Pages(pages), Pages(open_pages, public=True), Pages(hooks, signed=True)]
'''


@pytest.fixture
def loyalty(app: Flask, config: Config, session: Session) -> Path:
    """An active plugin with pages, templates, static files and words in Norwegian."""
    place = write_plugin(config.plugin_folder, "loyalty", CODE, public_prefix="/points")
    (place / "templates" / "loyalty").mkdir(parents=True)
    (place / "templates" / "loyalty" / "drawn.html").write_text(
        '{% extends "layout/page.html" %}{% block content %}<p>{{ name }}: {{ _("Loyal customer") }}, '
        '{{ _("Settings") }} '
        '{{ plugin_url("points") }} {{ plugin_static("a.css") }}</p>{% endblock %}')
    (place / "static").mkdir()
    (place / "static" / "a.css").write_text("p { color: red }")
    words = place / "translations" / "nb" / "LC_MESSAGES"
    words.mkdir(parents=True)
    (words / "messages.po").write_text('msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
                                       'msgid "Loyal customer"\nmsgstr "Trofast kunde"\n', "utf-8")
    lifecycle.activate("loyalty")
    return place


@pytest.fixture
def visitor(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent("Maja Haugen", role="owner"))


def test_register_blueprints_puts_pages_under_the_plugins_name(loyalty: Path, visitor: Visitor, config: Config) -> None:
    answer = visitor.get("/x/loyalty/points")
    assert answer.text == f"Maja Haugen /x/loyalty/points?customer=7 {config.public_url}/x/loyalty/points"


def test_a_plugin_can_be_loaded_after_the_first_request(app: Flask, config: Config, session: Session) -> None:
    visitor = Visitor(app).sign_in(make_agent())
    assert visitor.get("/x/loyalty/points").status_code == 404
    write_plugin(config.plugin_folder, "loyalty", CODE)
    lifecycle.activate("loyalty")
    assert visitor.get("/x/loyalty/points").status_code == 200


def test_pages_are_gone_while_the_plugin_is_not_active(app: Flask, loyalty: Path, visitor: Visitor) -> None:
    lifecycle.deactivate("loyalty")
    for path in ("/x/loyalty/points", "/points/", "/x/loyalty/static/0/a.css"):
        assert visitor.get(path).status_code == 404
        assert Visitor(app).get(path).status_code == 404  # nobody is asked to sign in for it
    assert Visitor(app).client.post("/x/loyalty/told").status_code == 404
    lifecycle.activate("loyalty")
    assert visitor.get("/x/loyalty/points").status_code == 200


def test_pages_want_a_signed_in_agent(app: Flask, loyalty: Path) -> None:
    answer = Visitor(app).get("/x/loyalty/points")
    assert answer.status_code == 303 and "/sign-in" in answer.location


def test_public_pages_lie_at_the_prefix_of_the_manifest(app: Flask, loyalty: Path) -> None:
    assert Visitor(app).get("/points/").text == "front None"


def test_posts_carry_the_token(loyalty: Path, visitor: Visitor, session: Session) -> None:
    refused = visitor.client.post("/x/loyalty/save", data={})
    assert refused.status_code == 400
    assert visitor.post("/x/loyalty/save", page="/x/loyalty/drawn").text == "saved"
    assert session.scalar(sa.text("SELECT reason FROM plugin WHERE name = 'loyalty'")) == "saved"


def test_signed_pages_take_posts_of_other_servers(app: Flask, loyalty: Path) -> None:
    assert Visitor(app).client.post("/x/loyalty/told").text == "thanks"


def test_a_template_extends_ours_and_speaks_the_readers_language(loyalty: Path, visitor: Visitor) -> None:
    page = visitor.get("/x/loyalty/drawn")
    assert "&lt;b&gt;: Loyal customer, Settings /x/loyalty/points /x/loyalty/static/" in page.text
    assert 'id="rail"' in page.text and "Unassigned" in page.text
    assert "Trofast kunde, Innstillinger" in visitor.get("/x/loyalty/drawn", headers={"Accept-Language": "nb"}).text


def test_static_files_are_kept_under_their_hash(app: Flask, loyalty: Path, visitor: Visitor) -> None:
    address = visitor.get("/x/loyalty/drawn").text.partition("/x/loyalty/static/")[2].partition("<")[0]
    kept = Visitor(app).get(f"/x/loyalty/static/{address}")
    assert kept.text == "p { color: red }" and kept.cache_control.immutable
    assert Visitor(app).get("/x/loyalty/static/old/a.css").cache_control.no_cache
    assert Visitor(app).get("/x/loyalty/static/old/../__init__.py").status_code == 404


# --- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["fails", "late", "strange"])
def test_a_page_that_fails_says_which_plugin(page: str, app: Flask, loyalty: Path, visitor: Visitor,
                                              session: Session) -> None:
    host_of(app).raise_faults = False
    answer = visitor.get(f"/x/loyalty/{page}")
    assert answer.status_code == 500 and "The plugin Loyalty failed here" in answer.text
    assert 'href="/settings/plugins/loyalty"' in answer.text
    fault = session.scalars(sa.select(PluginFault)).one()
    assert (fault.plugin, fault.hook) == ("loyalty", f"page {page}")


def test_only_those_who_can_mend_it_are_shown_the_way(app: Flask, loyalty: Path, session: Session) -> None:
    host_of(app).raise_faults = False
    answer = Visitor(app).sign_in(make_agent()).get("/x/loyalty/fails")
    assert "Loyalty failed" in answer.text and "/settings/plugins" not in answer.text


def test_a_failing_lazy_panel_is_a_small_marker(app: Flask, loyalty: Path, visitor: Visitor) -> None:
    host_of(app).raise_faults = False
    answer = visitor.get("/x/loyalty/fails", headers={"HX-Request": "true", "HX-Panel": "1"})
    assert answer.status_code == 200 and answer.text.startswith("<p") and "Loyalty failed" in answer.text


def test_a_failing_signed_page_answers_plainly(app: Flask, loyalty: Path) -> None:
    host_of(app).raise_faults = False
    answer = Visitor(app).client.post("/x/loyalty/told-badly")
    assert answer.status_code == 500 and answer.mimetype == "text/plain"


def test_faults_are_raised_in_tests(loyalty: Path, visitor: Visitor) -> None:
    with pytest.raises(PluginFailure, match="no more points"):
        visitor.get("/x/loyalty/fails")


@pytest.mark.parametrize(("page", "status"), [("gone", 404), ("refused", 403)])
def test_saying_no_is_no_fault(page: str, status: int, loyalty: Path, visitor: Visitor, session: Session) -> None:
    assert visitor.get(f"/x/loyalty/{page}").status_code == status
    assert session.scalars(sa.select(PluginFault)).all() == []


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/settings", "/x", "/api", "/tickets"])
def test_an_address_of_the_desk_is_refused(prefix: str, config: Config, app: Flask, session: Session) -> None:
    write_plugin(config.plugin_folder, "loyalty", CODE, public_prefix=prefix)
    with pytest.raises(PluginError, match=f"Plugin loyalty wants the address {prefix}, which is the desk's own"):
        lifecycle.activate("loyalty")


def test_an_address_of_another_plugin_is_refused(loyalty: Path, config: Config) -> None:
    write_plugin(config.plugin_folder, "stamps", CODE, public_prefix="/points")
    with pytest.raises(PluginError, match="Plugin stamps wants the address /points, which plugin loyalty has"):
        lifecycle.activate("stamps")


def test_a_plugin_cannot_have_the_addresses_of_a_builtin(config: Config, app: Flask, session: Session) -> None:
    write_plugin(config.plugin_folder, "notifications", "")
    with pytest.raises(PluginError, match="notifications must be called something else"):
        lifecycle.activate("notifications")


def _answering(blueprint: Blueprint) -> types.ModuleType:
    def register_blueprints() -> list[Pages]:
        return [Pages(blueprint)]

    module = types.ModuleType("stamps")
    module.register_blueprints = hookimpl(register_blueprints)  # type: ignore[attr-defined]
    return module


def test_a_blueprint_cannot_change_the_whole_desk(app: Flask) -> None:
    blueprint = Blueprint("stamps", __name__)
    blueprint.before_app_request(lambda: abort(418))
    with pytest.raises(LoadError, match="changes before_request_funcs of the whole desk"):
        host_of(app).add_builtin("stamps", _answering(blueprint))
    assert Visitor(app).get("/favicon.ico").status_code == 200


def test_a_blueprint_has_views_alone(app: Flask) -> None:
    blueprint = Blueprint("stamps", __name__)
    blueprint.errorhandler(404)(lambda error: "mine")
    with pytest.raises(LoadError, match="uses error_handler_spec"):
        host_of(app).add_builtin("stamps", _answering(blueprint))


def test_before_request_runs_behind_the_gate_and_under_the_rules(app: Flask, session: Session) -> None:
    blueprint = Blueprint("stamps", __name__)
    blueprint.get("/all")(lambda: "all")
    blueprint.before_request(lambda: abort(403))

    def register_blueprints() -> list[Pages]:
        return [Pages(blueprint)]

    plug(app, "stamps", register_blueprints)
    visitor = Visitor(app).sign_in(make_agent())
    assert visitor.get("/x/stamps/all").status_code == 403


# --- start-up ---------------------------------------------------------------------------------------------------


def test_installed_plugins_are_loaded_at_start_up(loyalty: Path, config: Config) -> None:
    again = create_app(config)
    host_of(again).boot()
    assert "x-loyalty-pages.points" in again.view_functions


def test_a_database_that_is_gone_stops_no_process(config: Config, tmp_path: Path) -> None:
    from dataclasses import replace

    gone = replace(config, database_url=f"sqlite:///{tmp_path}/nowhere/inbox.db")
    app = create_app(gone)
    host_of(app).boot()
    assert app.test_client().get("/favicon.ico").status_code == 200

"""Themes on real pages: the order of templates, previews, styles, what they cannot reach; colour and logo."""

import io
import re
import struct
import threading
import time
import zlib
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.app import create_app
from inbox.config import Config
from inbox.core import agents, brand, settings
from inbox.core.events import Actor
from inbox.db import work_context
from inbox.testing.factories import make_agent, make_ticket
from inbox.testing.plugins import write_plugin
from inbox.web import settings_themes, theming
from tests.plugin_host.test_themes import packed, write
from tests.web.browse import Visitor

CLI = Actor.system("cli")
PASSWORD = "correct horse battery"


@pytest.fixture
def admin(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent("Ada", role="admin"))


def heading(text: str) -> str:
    """A tag list of a theme: the original with another heading before it."""
    return (f'{{% extends "core:settings/tags.html" %}}{{% block settings %}}<b>{text}</b>'
            '{{ super() }}{% endblock %}')


def themed(config: Config, name: str, more: str = "", **files: str) -> Path:
    return write(config.home / "themes", name, more, **files)


def use(name: str) -> None:
    settings.put("theme.name", name, by=CLI)
    theming.forget()


# --- templates --------------------------------------------------------------------------------------------------


def test_the_order_is_overrides_theme_parents_original(admin: Visitor, config: Config) -> None:
    path = "templates/settings/tags.html"
    themed(config, "dusk", **{path: heading("of dusk")})
    themed(config, "night", 'parent = "dusk"\n', **{path: '{% extends "settings/tags.html" %}{% block settings %}'
                                                          '<b>of night</b>{{ super() }}{% endblock %}'})
    assert "of dusk" not in admin.get("/settings/tags").text
    use("dusk")
    page = admin.get("/settings/tags").text
    assert "of dusk" in page and "A tag begins to exist" in page
    use("night")
    page = admin.get("/settings/tags").text
    assert page.index("of night") < page.index("of dusk") < page.index("A tag begins to exist")
    own = config.home / "overrides" / path
    own.parent.mkdir(parents=True)
    own.write_text(heading("of this site"), "utf-8")
    theming.forget()
    page = admin.get("/settings/tags").text
    assert "of this site" in page and "of night" not in page


def test_a_part_is_replaced_inside_an_original_page(admin: Visitor, config: Config) -> None:
    themed(config, "dusk", **{"templates/nav/_rail.html": "<nav>another rail</nav>"})
    use("dusk")
    assert "another rail" in admin.get("/profile").text


def test_a_plugin_s_template_is_restyled_at_its_own_path(app: Flask, admin: Visitor, config: Config) -> None:
    place = write_plugin(config.plugin_folder, "shop", """
        from flask import Blueprint
        from inbox.toolkit import Pages, hookimpl, render
        pages = Blueprint("pages", __name__)
        @pages.get("/orders")
        def orders():
            return render("orders.html")
        @hookimpl
        def register_blueprints():
            return [Pages(pages)]
    """)
    (place / "templates" / "shop").mkdir(parents=True)
    (place / "templates" / "shop" / "orders.html").write_text("plain orders")
    from inbox.plugin_host import lifecycle

    lifecycle.activate("shop")
    assert admin.get("/x/shop/orders").text == "plain orders"
    themed(config, "dusk", **{"templates/shop/orders.html": "dusky {% include 'core:shop/orders.html' %}"})
    use("dusk")
    assert admin.get("/x/shop/orders").text == "dusky plain orders"


STOLEN = ("auth/sign_in.html", "setup/code.html", "setup/owner.html", "layout/plain.html", "layout/page.html",
          "layout/desk.html", "layout/base.html", "nav/_rail.html", "settings/_layout.html", "settings/plugins.html",
          "settings/plugin.html", "settings/_plugin.html", "settings/_declared.html", "settings/plugins_add.html",
          "settings/themes.html")


@pytest.fixture
def evil(config: Config, session: Session) -> None:
    """A theme that would take over everything, active."""
    themed(config, "evil", **{f"templates/{path}": "stolen" for path in STOLEN},
           **{"static/theme.css": "body { display: none }"})
    use("evil")


def test_no_theme_reaches_signing_in_and_set_up(app: Flask, evil: None) -> None:
    strange = Visitor(app)
    assert "stolen" not in strange.get("/setup", follow_redirects=True).text  # nobody owns the desk yet
    make_agent(role="owner")
    for path in ("/sign-in", "/forgotten", "/new-password/x"):
        page = strange.get(path).text
        assert "<html" in page and "stolen" not in page and "theme.css" not in page, path


def test_no_theme_reaches_the_administration_of_plugins_and_themes(app: Flask, evil: None) -> None:
    owner = Visitor(app).sign_in(make_agent(role="owner"))
    for path in ("/settings/plugins", "/settings/plugins-add", "/settings/plugins/auto_reply", "/settings/themes"):
        page = owner.get(path)
        assert page.status_code == 200 and "stolen" not in page.text and "theme.css" not in page.text, path
    assert owner.get("/profile").text == "stolen"


def test_a_template_with_a_slip_shows_the_original(admin: Visitor, config: Config) -> None:
    themed(config, "torn", **{"templates/settings/tags.html": "{% block", "templates/nav/_rail.html": "{% if %}"})
    use("torn")
    assert "A tag begins to exist" in admin.get("/settings/tags").text
    assert admin.get("/profile").status_code == 200


def test_a_theme_that_goes_away_leaves_our_own_look(admin: Visitor, config: Config) -> None:
    place = themed(config, "dusk", **{"templates/settings/tags.html": heading("of dusk")})
    use("dusk")
    place.rename(config.home / "elsewhere")
    theming.forget()
    assert "of dusk" not in admin.get("/settings/tags").text
    assert "There is no theme called dusk." in admin.get("/settings/themes").text


def test_safe_mode_has_no_theme(config: Config, app: Flask, session: Session) -> None:
    import dataclasses

    themed(config, "dusk", **{"templates/settings/tags.html": heading("of dusk")})
    use("dusk")
    agent = make_agent(role="admin")
    safe = create_app(dataclasses.replace(config, safe_mode=True))
    assert "of dusk" not in Visitor(safe).sign_in(agent).get("/settings/tags").text


# --- processes, previews ----------------------------------------------------------------------------------------


def test_every_process_follows_within_two_seconds(app: Flask, session, config: Config) -> None:
    themed(config, "dusk", **{"templates/settings/tags.html": heading("of dusk")})
    other = create_app(config)
    agent = make_agent(role="admin")
    first, second = Visitor(app).sign_in(agent), Visitor(other).sign_in(agent)
    assert "of dusk" not in second.get("/settings/tags").text
    assert "is active" in first.post("/settings/themes/activate", {"name": "dusk"}, page="/settings/themes",
                                     follow_redirects=True).text
    began = time.monotonic()
    while "of dusk" not in second.get("/settings/tags").text:
        assert time.monotonic() - began < 2
        time.sleep(0.05)
    with work_context(other):
        from inbox.db import db

        db.engine.dispose()


def test_a_preview_is_its_admin_s_alone(app: Flask, session, config: Config) -> None:
    themed(config, "dusk", '[tokens]\nink = "#001122"\n', **{"templates/settings/tags.html": heading("of dusk")})
    one, other = (Visitor(app).sign_in(make_agent(role="admin")) for _ in range(2))
    one.post("/settings/themes/preview", {"name": "dusk"}, page="/settings/themes")
    for _ in range(2):  # compiled templates of the two looks do not mix
        assert "of dusk" in one.get("/settings/tags").text
        assert "of dusk" not in other.get("/settings/tags").text
    style = re.search(r"/look/\w+\.css", one.get("/profile").text)
    assert style and "--ink: #001122;" in Visitor(app).get(style[0]).text
    one.post("/settings/themes/preview", page="/settings/themes")
    assert "of dusk" not in one.get("/settings/tags").text


def test_many_readers_of_two_looks_at_once_never_see_the_other(app: Flask, session, config: Config) -> None:
    themed(config, "dusk", **{"templates/settings/tags.html": heading("of dusk")})
    one, other = (Visitor(app).sign_in(make_agent(role="admin")) for _ in range(2))
    one.post("/settings/themes/preview", {"name": "dusk"}, page="/settings/themes")
    wrong: list[str] = []

    def read(visitor: Visitor, wanted: bool) -> None:
        for _ in range(6):
            if ("of dusk" in visitor.client.get("/settings/tags").text) is not wanted:
                wrong.append("mixed")

    threads = [threading.Thread(target=read, args=each) for each in ((one, True), (other, False))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_a_theme_is_chosen_by_those_who_change_settings(app: Flask, session) -> None:
    agent = Visitor(app).sign_in(make_agent())
    for path in ("activate", "preview", "brand", "logo/remove"):
        assert agent.post(f"/settings/themes/{path}", {"name": "compact"}, page="/profile").status_code == 403
    assert agent.get("/settings/themes").status_code == 403 and settings.get("theme.name") == ""


@pytest.mark.parametrize("name", ["compact", "contrast"])
def test_the_bundled_themes_work(admin: Visitor, name: str) -> None:
    admin.post("/settings/themes/activate", {"name": name}, page="/settings/themes")
    make_ticket()
    for path in ("/views/open", "/profile", "/settings/themes", "/settings/plugins"):
        assert admin.get(path).status_code == 200
    address = re.search(r'/look/themes/\w+/\w+/theme\.css', admin.get("/profile").text)
    answer = admin.get(address[0] if address else "")
    assert "@layer parts" in answer.text and "immutable" in answer.headers["Cache-Control"]
    assert admin.get(f"/settings/themes/{name}/preview.svg").mimetype == "image/svg+xml"
    assert admin.get("/look/themes/compact/x/../theme.toml").status_code == 404


# --- bringing one -----------------------------------------------------------------------------------------------


def test_an_owner_uploads_a_theme_after_the_password(app: Flask, session, config: Config, tmp_path: Path) -> None:
    agent = make_agent(role="owner")
    agents.set_password(agent, PASSWORD, by=CLI)
    owner = Visitor(app).sign_in(agent)
    data = packed(tmp_path / "a.zip", write(tmp_path, "dusk")).read_bytes()

    def send(password: str):
        return owner.post("/settings/themes", {"file": (io.BytesIO(data), "dusk.zip"), "password": password},
                          content_type="multipart/form-data", follow_redirects=True)

    assert send("wrong").status_code == 422 and not (config.home / "themes").exists()
    assert "Dusk is here." in send(PASSWORD).text and (config.home / "themes" / "dusk").is_dir()
    assert "The theme is deleted." in owner.post("/settings/themes/dusk/remove", page="/settings/themes",
                                                 follow_redirects=True).text
    admin = Visitor(app).sign_in(make_agent(role="admin"))
    assert admin.post("/settings/themes", {}).status_code == 403


def test_the_page_lists_old_overrides(admin: Visitor, app: Flask, config: Config) -> None:
    folder = config.home / "overrides" / "templates"
    from inbox.plugin_host import theme_files

    with app.test_request_context():
        place = theme_files.copy(folder, "settings/tags.html", settings_themes.original)
    theming.forget()
    assert "up to date" in admin.get("/settings/themes").text
    place.write_text(place.read_text().replace("original: ", "original: 0")[:24] + " #}\n", "utf-8")
    place.write_text("{# original: 00000000 #}\nmine", "utf-8")
    assert "older than the original" in admin.get("/settings/themes").text


# --- colour and logo --------------------------------------------------------------------------------------------


def png(width: int = 8, height: int = 8, remark: bytes = b"") -> bytes:
    """A small picture."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + b"\x20\x40\x80" * width for _ in range(height)) if width < 2000 else b""
    return (brand.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + (chunk(b"tEXt", remark) if remark else b"") + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def save(visitor: Visitor, logo: bytes = b"", **fields: str):
    data = fields | ({"logo": (io.BytesIO(logo), "logo.png")} if logo else {})
    return visitor.post("/settings/themes/brand", data, page="/settings/themes", content_type="multipart/form-data",
                        follow_redirects=True)


def test_a_site_s_own_colour_is_on_every_page_and_on_signing_in(app: Flask, admin: Visitor) -> None:
    assert "The settings are saved." in save(admin, accent="#800000").text
    for visitor, path in ((admin, "/profile"), (Visitor(app), "/sign-in")):
        style = re.search(r"/look/\w+\.css", visitor.get(path).text)
        assert style and "--accent: light-dark(#800000, " in visitor.get(style[0]).text
    answer = Visitor(app).get("/look/000000000000.css")  # an old address: the current colours, not kept
    assert "#800000" in answer.text and "no-cache" in answer.headers["Cache-Control"]
    save(admin, accent="#800000", no_accent="1")
    assert "/look/" not in admin.get("/profile").text


def test_a_colour_nobody_could_read_is_refused(admin: Visitor) -> None:
    answer = save(admin, accent="#ffcc00")
    assert answer.status_code == 422 and "The nearest that works is" in answer.text
    assert settings.get("brand.accent") == ""


def test_a_theme_with_an_accent_of_its_own_keeps_it(admin: Visitor) -> None:
    save(admin, accent="#800000")
    use("contrast")
    style = re.search(r"/look/\w+\.css", admin.get("/profile").text)
    assert style and "#800000" not in admin.get(style[0]).text


def test_a_logo_is_cleaned_and_shown_to_all(app: Flask, admin: Visitor) -> None:
    save(admin, png(remark=b"Comment\0where I live") + b"<script>", no_accent="1")
    found = re.search(r'src="(/look/logo/\w+\.png)"', Visitor(app).get("/sign-in").text)
    assert found
    answer = Visitor(app).get(found[1])
    assert answer.mimetype == "image/png" and b"where I live" not in answer.data and b"<script>" not in answer.data
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    admin.post("/settings/themes/logo/remove", page="/settings/themes")
    assert "/look/logo/" not in admin.get("/profile").text and Visitor(app).get(found[1]).status_code == 404


@pytest.mark.parametrize(("data", "words"), [
    (b"<svg xmlns='x' onload='alert(1)'/>", "An SVG can hold programs"), (b"GIF89a", "PNG format"),
    (png()[:-6], "damaged"), (png().replace(b"IDAT", b"IDAX"), "damaged"), (png(4000, 1), "1024 pixels"),
    (png() + b"x" * 210_000, "200 kB")])
def test_a_wrong_logo_is_refused_in_words(admin: Visitor, data: bytes, words: str) -> None:
    answer = save(admin, data, no_accent="1")
    assert answer.status_code == 422 and words in answer.text and settings.get("brand.logo_name") == ""

"""Few files instead of many, compressed, under addresses that move with their content."""

import gzip
import re
from urllib.parse import quote

import brotli
import pytest

from inbox.web import assets, bundles, compression
from tests.web.browse import Visitor


def test_every_module_of_ours_is_in_one_bundle_once():
    named = [re.findall(r"^const (\$\w+) = \(\(\) => \{$", bundles.content(name).decode(), re.M)
             for name in bundles.SCRIPTS]
    modules = {"$" + path.stem.replace("-", "_") for path in (bundles.FOLDER / "js").glob("*.js")}
    assert sorted(named[0] + named[1]) == sorted(modules - {"$print", "$setup"})  # pages of their own


def test_a_bundle_keeps_no_import_but_at_its_beginning():
    for name in bundles.SCRIPTS:
        lines = bundles.content(name).decode().splitlines()
        first = next(place for place, line in enumerate(lines) if line.startswith("const $"))
        assert not [line for line in lines[first:] if re.match(r"\s*(import\s|export\s+\w)", line)]


def test_a_form_of_import_that_is_not_understood_is_an_error(monkeypatch):
    for line in ('import * as all from "./post.js";', 'export default 3;', 'export let changes = 1;'):
        monkeypatch.setattr(bundles, "_source", lambda _module, line=line: line + "\n")
        with pytest.raises(ValueError, match="does not understand"):
            bundles._in_a_function("odd")


def test_modules_that_import_each_other_are_an_error(monkeypatch):
    sources = {"a": 'import { b } from "./b.js";\n', "b": 'import { a } from "./a.js";\n'}
    monkeypatch.setattr(bundles, "_source", sources.__getitem__)
    with pytest.raises(ValueError, match="a → b → a"):
        bundles._needed(("a",), ())


def test_the_first_page_asks_for_one_sheet_two_scripts_and_nothing_of_the_editor(app, kari):
    page = Visitor(app).sign_in(kari).get("/views/open").get_data(as_text=True)
    assert len(re.findall(r'<link rel="stylesheet"', page)) - page.count("nojs.css") == 1
    assert re.findall(r'<script[^>]* src="[^"]*/([\w.]+)"', page) == ["htmx.js", "app.js"]


def test_a_bundle_comes_compressed_and_is_kept_for_good(app):
    address = assets.static_url("bundle/desk.css")
    answer = Visitor(app).get(address, headers={"Accept-Encoding": "gzip, br"})
    assert (answer.headers["Content-Encoding"], answer.mimetype) == ("br", "text/css")
    assert brotli.decompress(answer.data) == bundles.content("desk.css")
    assert "immutable" in answer.headers["Cache-Control"] and "Accept-Encoding" in answer.headers["Vary"]
    older = Visitor(app).get(address, headers={"Accept-Encoding": "gzip, br;q=0"})
    assert older.headers["Content-Encoding"] == "gzip" and gzip.decompress(older.data) == bundles.content("desk.css")
    assert Visitor(app).get(address).data == bundles.content("desk.css")
    for name in ("bundle/nothing.css", "app.css/below.css", "no\0name.js", "../app.py", "x" * 300 + ".css"):
        assert Visitor(app).get(f"/static/0/{quote(name)}").status_code == 404


def test_pages_are_compressed_and_their_length_says_nothing(app, kari):
    visitor = Visitor(app).sign_in(kari)
    answers = [visitor.get("/views/open", headers={"Accept-Encoding": "br"}) for _ in range(12)]
    assert answers[0].headers["Content-Encoding"] == "br"
    assert b"</html>" in brotli.decompress(answers[0].data)
    assert len({len(answer.headers["X-Padding"]) for answer in answers}) > 3
    assert visitor.get("/views/open", headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
    assert "X-Padding" not in visitor.get("/views/open").headers


def test_the_token_of_a_page_is_other_characters_each_time_and_good_each_time(app, kari):
    visitor = Visitor(app).sign_in(kari)
    tokens = [visitor.token("/profile") for _ in range(3)]
    for part in (slice(0, 40), slice(-40, None)):
        assert len({token[part] for token in tokens}) == 3
    for token, status in ((tokens[0], 303), (tokens[0][:-8] + "AAAAAAAA", 400), ("", 400), ("Ærlig", 400)):
        answer = visitor.post("/profile/layout", {"csrf_token": token, "density": "compact"}, page="/profile")
        assert answer.status_code == status, token


def test_the_live_stream_is_not_compressed(app, kari):
    answer = Visitor(app).sign_in(kari).get("/live", headers={"Accept-Encoding": "br"}, buffered=False)
    assert "Content-Encoding" not in answer.headers
    answer.close()


def test_what_is_small_goes_as_it_is(app):
    answer = Visitor(app).get("/healthz", headers={"Accept-Encoding": "br"})
    assert "Content-Encoding" not in answer.headers and len(answer.data) < compression.SMALLEST

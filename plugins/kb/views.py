"""Pages for authors: list, editor, versions, pictures, files in and out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request

from inbox.toolkit import Invalid, NotFound, gettext, may, signed_in
from inbox_plugins.kb import articles, categories, images, markdown
from inbox_plugins.kb.articles import Changed, Text
from inbox_plugins.kb.help_centre import address
from inbox_plugins.kb.models import Article, Translation
from inbox_plugins.kb.pages import blueprint, chosen_locale, done, show

LARGEST_FILE = 1_000_000  # bytes


@blueprint.get("/")
def article_list() -> Any:
    """Every text, last changed first."""
    state, locale, words = (request.args.get(each, "") for each in ("state", "lang", "q"))
    category_id = request.args.get("category", type=int)
    found, more = articles.page(state=state, locale=locale, category_id=category_id, words=words,
                                after=request.args.get("after", type=int))
    chosen = {"state": state, "lang": locale, "category": category_id, "q": words}
    return show("list.html", found=found, more=more, categories=categories.all_of_them(),
                chosen={key: value for key, value in chosen.items() if value})


# --- the editor -------------------------------------------------------------------------------------------------


@blueprint.route("/articles/new", methods=["GET", "POST"])
def new_article() -> Any:
    """Another article."""
    signed_in("kb.edit")
    if request.method == "GET":
        return editor(None, chosen_locale(), {"category": request.args.get("category", ""), "title": request.args.get(
            "title", "")[:200]})
    return _save(None)


@blueprint.route("/articles/<int:article_id>", methods=["GET", "POST"])
def edit(article_id: int) -> Any:
    """An article in one of its languages."""
    article = articles.get(article_id)
    if request.method == "POST":
        signed_in("kb.edit")
        return _save(article)
    text = article.in_locale(chosen_locale()) if "lang" in request.args else next(iter(article.translations), None)
    locale = text.locale if text else chosen_locale()
    stored = articles.version(text) if text else None
    return editor(article, locale, {
        "title": stored.title if stored else "", "body": stored.body if stored else "",
        "slug": text.slug if text else "", "based_on": str(text.version) if text else "0"})


def editor(article: Article | None, locale: str, values: Mapping[str, Any], error: Invalid | None = None,
           status: int = 200) -> Any:
    """The form, with what was stored or typed."""
    text = article.in_locale(locale) if article else None
    values = {"category": str(article.category_id or "") if article else "",
              "audience": article.audience if article else "public", "based_on": "0", **values}
    shown = markdown.render(values.get("body", "")).html
    is_rich = may(signed_in(), "kb.edit") and request.cookies.get("kb_mode") != "markdown"
    return show("editor.html", status, article=article, text=text, locale=locale, values=values, error=error,
                categories=categories.all_of_them(), shown=shown, rich=markdown.without_anchors(shown),
                mode="rich" if is_rich else "markdown",
                place=address(text) if text and text.is_live and text.article.audience == "public" else "")


def _save(article: Article | None) -> Any:
    form, locale = request.form, chosen_locale()
    body = written(form)
    try:
        body += _picture(article)
        text = _store(article, locale, body)
    except Changed as changed:
        return editor(article, locale, {**form, "body": body, "based_on": str(changed.version)}, changed, 409)
    except Invalid as problem:
        return editor(article, locale, {**form, "body": body}, problem, 422)
    said = gettext("Saved. Readers do not see it yet.")
    if form.get("do") == "publish":
        try:
            articles.publish(text, signed_in())
        except Invalid as problem:
            return editor(text.article, locale, {**form, "body": body, "based_on": str(text.version)}, problem, 422)
        said = gettext("Published.")
    return done("edit", said, article_id=text.article_id, lang=locale)


def written(form: Mapping[str, str]) -> str:
    """What was written, as Markdown. Rich text that nobody touched is not sent: its Markdown stays as it is."""
    return markdown.from_html(form["html"], pictures=True) if "html" in form else form.get("body", "")


def _store(article: Article | None, locale: str, body: str) -> Translation:
    """A new article is made only when its text can be stored."""
    form = request.form
    category_id, audience = form.get("category", type=int), form.get("audience", "public")
    text = Text(form.get("title", ""), body, form.get("based_on", 0, type=int), form.get("slug", "").strip())
    articles.check(locale, text)
    if article is None:
        article = articles.create(signed_in(), category_id=category_id, audience=audience,
                                  message_pk=form.get("message_pk", type=int))
    else:
        articles.place(article, signed_in(), category_id=category_id, audience=audience)
    kept = articles.save(article, locale, text, signed_in())
    images.adopt(article, body)
    return kept


def _picture(article: Article | None) -> str:
    """A picture sent along with the form (where no script puts it in its place): at the end."""
    sent = request.files.get("image")
    if sent is None or not sent.filename:
        return ""
    kept = images.store(sent.read(images.LARGEST + 1), sent.filename, article, signed_in())
    return f"\n\n![]({images.address(kept)})"


@blueprint.post("/preview")
def preview() -> Any:
    """How a text will look."""
    signed_in("kb.edit")
    return markdown.render(request.form.get("body", "")).html


@blueprint.post("/markdown")
def as_markdown() -> Any:
    """Rich text as Markdown, for an author who goes on in it."""
    signed_in("kb.edit")
    return Response(written(request.form), mimetype="text/plain")


@blueprint.post("/images")
def add_image() -> Any:
    """Take a picture in; the answer is what to write into the text."""
    article_id = request.form.get("article", type=int)
    sent = request.files.get("image")
    try:
        if sent is None:
            raise Invalid("image", "This is no PNG, JPEG, GIF or WebP picture.")
        kept = images.store(sent.read(images.LARGEST + 1), sent.filename or "",
                            articles.get(article_id) if article_id else None, signed_in())
    except Invalid as problem:
        return jsonify(error=gettext(str(problem))), 422
    return jsonify(markdown=f"![]({images.address(kept)})", address=images.address(kept))


# --- readers see it, or not -------------------------------------------------------------------------------------


@blueprint.post("/articles/<int:article_id>/<verb>")
def act(article_id: int, verb: str) -> Any:
    """Publish, archive, make a draft again."""
    acts = {"publish": (articles.publish, gettext("Published.")),
            "archive": (articles.archive, gettext("Archived. Readers see it no longer.")),
            "unpublish": (articles.unpublish, gettext("A draft again. Readers see it no longer."))}
    if verb not in acts:
        raise NotFound()
    locale = chosen_locale()
    text = articles.translation(article_id, locale)
    function, said = acts[verb]
    try:
        function(text, signed_in())
    except Invalid as problem:
        stored = articles.version(text)
        return editor(text.article, locale, {"title": stored.title, "body": stored.body, "slug": text.slug,
                                             "based_on": str(text.version)}, problem, 422)
    return done("edit", said, article_id=article_id, lang=locale)


@blueprint.route("/articles/<int:article_id>/remove", methods=["GET", "POST"])
def remove(article_id: int) -> Any:
    """Delete an article in all languages, after a question."""
    signed_in("kb.publish")
    article = articles.get(article_id)
    if request.method == "GET":
        return show("remove.html", article=article)
    articles.delete(article, signed_in())
    return done("article_list", gettext("The article is deleted."))


@blueprint.get("/articles/<int:article_id>/read")
def read(article_id: int) -> Any:
    """What readers see, also of an internal article; without the help centre around it."""
    article = articles.get(article_id)
    text = article.in_locale(chosen_locale()) or next((each for each in article.translations if each.is_live), None)
    if text is None or not text.is_live:
        raise NotFound("This article is not published.")
    return show("read.html", article=article, text=text)


# --- versions ---------------------------------------------------------------------------------------------------


@blueprint.get("/articles/<int:article_id>/versions")
def versions(article_id: int) -> Any:
    """Who saved what; one of them beside the newest."""
    text = articles.translation(article_id, chosen_locale())
    number = request.args.get("number", type=int)
    old = articles.version(text, number) if number else None
    return show("versions.html", text=text, article=text.article, versions=articles.versions(text), old=old,
                lines=_difference(old.body, articles.version(text).body) if old else [])


def _difference(old: str, new: str) -> list[tuple[str, str]]:
    """Lines with what became of them: `-` gone, `+` new, blank: stayed."""
    return [(each[0], each[2:]) for each in difflib.ndiff(old.splitlines(), new.splitlines()) if each[0] != "?"]


@blueprint.post("/articles/<int:article_id>/restore")
def restore(article_id: int) -> Any:
    """An earlier version becomes the newest."""
    locale = chosen_locale()
    text = articles.translation(article_id, locale)
    articles.restore(text, request.form.get("number", 0, type=int), signed_in())
    return done("edit", gettext("The version is back, as the newest. Readers do not see it yet."),
                article_id=article_id, lang=locale)


# --- files ------------------------------------------------------------------------------------------------------


@blueprint.get("/articles/<int:article_id>/file")
def file_out(article_id: int) -> Any:
    """The newest version as a Markdown file."""
    text = articles.translation(article_id, chosen_locale())
    stored = articles.version(text)
    response = Response(f"# {stored.title}\n\n{stored.body}\n", mimetype="text/markdown")
    response.headers.set("Content-Disposition", "attachment", filename=f"{text.slug}.md")
    return response


@blueprint.post("/articles/file")
def file_in() -> Any:
    """A Markdown, text or HTML file as the beginning of an article; nothing is stored yet."""
    signed_in("kb.edit")
    sent, locale = request.files.get("file"), chosen_locale()
    data = sent.read(LARGEST_FILE + 1) if sent else b""
    if not data or len(data) > LARGEST_FILE:
        return editor(None, locale, {}, Invalid("file", "Choose a text, Markdown or HTML file of at most 1 MB."), 422)
    words = data.decode("utf-8", "replace").removeprefix("\ufeff")
    if sent is not None and (sent.filename or "").lower().endswith((".html", ".htm")):
        words = markdown.from_html(words)
    first, _, rest = words.strip().partition("\n")
    if not first.startswith("# "):
        first, rest = (sent.filename or "").rsplit(".", 1)[0] if sent else "", words
    return editor(None, locale, {"title": first.removeprefix("# ").strip(), "body": rest.strip()})

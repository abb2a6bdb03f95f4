"""The help centre: pages for everybody, the same for everybody, so that caches may keep them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Blueprint, Response, abort, redirect, request
from flask_babel import force_locale
from sqlalchemy.orm import undefer

from inbox.toolkit import choose_language, plugin_url, render, session, settings
from inbox_plugins.kb import categories, feedback, images, marks, options, search
from inbox_plugins.kb.articles import LANGUAGES
from inbox_plugins.kb.markdown import headings
from inbox_plugins.kb.models import Article, Category, OldSlug, Translation

MAX_AGE = 60  # seconds that a cache may answer without asking
ENOUGH_VOTES = 5
HITS, ALL_HITS = 5, 30

blueprint = Blueprint("help", __name__)
forms = Blueprint("forms", __name__)  # what readers send; no cookie, hence no token: nothing here acts for anybody


def tag(locale: str) -> str:
    """A locale as addresses and HTML have it: zh-Hant."""
    return locale.replace("_", "-")


@blueprint.before_request
def _open() -> Any:
    if not settings.get("kb.public") and request.endpoint != f"{request.blueprint}.file":
        abort(404)  # pictures say for themselves who sees them: agents still read and write articles


@forms.before_request
def _open_too() -> Any:
    if not settings.get("kb.public"):
        abort(404)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)  # another site's page votes with its reader's address


# --- what every page has ----------------------------------------------------------------------------------------


def _live(locale: str | None = None) -> sa.Select[tuple[Translation]]:
    query = sa.select(Translation).join(Article).where(Article.audience == "public", Translation.state == "published")
    return query.where(Translation.locale == locale) if locale else query


def languages() -> list[str]:
    """The languages in which something can be read."""
    found = set(session().scalars(_live().with_only_columns(Translation.locale).distinct()))
    return [each for each in LANGUAGES if each in found]


def _locale(language: str) -> str:
    locale = language.replace("-", "_")
    if locale not in LANGUAGES or tag(locale) != language:
        abort(404)
    return locale


def page(locale: str, template: str, *, status: int = 200, keep: bool = True, there: Any = None,
         **values: Any) -> Response:
    """A page in a language, with its ETag. `there` maps the other languages to addresses of the same thing."""
    offered = languages()
    if there is None:
        there = {each: plugin_url("home", language=tag(each)) for each in offered}
    start = plugin_url("front")
    with force_locale(locale):
        body = render(template, locale=locale, language=tag(locale), languages=LANGUAGES, there=there, tag=tag,
                      options=options.public(), no_index=False,
                      origin=plugin_url("front", absolute=True).removesuffix(start), **values)
    response = Response(body, status)
    return _kept(response) if keep and status == 200 else _fresh(response)


def _kept(response: Response) -> Response:
    response.cache_control.public, response.cache_control.max_age = True, MAX_AGE
    response.add_etag()
    return response.make_conditional(request)


def _fresh(response: Response) -> Response:
    response.cache_control.private = response.cache_control.no_cache = True
    return response


def _missing(locale: str) -> Response:
    return page(locale, "help_missing.html", status=404, q="")


# --- pages ------------------------------------------------------------------------------------------------------


@blueprint.get("/")
def front() -> Any:
    """To the help centre in the reader's language."""
    offered = languages()
    wanted = choose_language([each for each, _quality in request.accept_languages])
    home = str(settings.get("desk.locale"))
    locale = next((each for each in (wanted, home, *offered) if each in offered), "en")
    response = redirect(plugin_url("home", language=tag(locale)))
    response.vary.add("Accept-Language")
    response.cache_control.private = response.cache_control.no_cache = True
    return response


@blueprint.get("/<language>/")
def home(language: str) -> Any:
    """The categories, and what is new."""
    locale = _locale(language)
    counts = categories.counts(locale)
    shelves = [(each, each.name_in(locale), counts[each.id]) for each in categories.all_of_them() if each.id in counts]
    newest = list(session().scalars(_live(locale).order_by(Translation.live_at.desc()).limit(6)))
    total = session().scalar(_live(locale).with_only_columns(sa.func.count())) or 0
    return page(locale, "help_home.html", shelves=shelves, newest=newest, total=total, q="")


@blueprint.get("/<language>/topics/<slug>")
def topic(language: str, slug: str) -> Any:
    """The articles of a category."""
    locale = _locale(language)
    category = session().scalar(sa.select(Category).where(Category.slug == slug))
    if category is None or category.id not in categories.counts():  # a shelf of internal articles is nobody's business
        return _missing(locale)
    found = list(session().scalars(_live(locale).where(Article.category_id == category.id)
                                   .order_by(Article.position, Article.id)))
    there = {each: plugin_url("topic", language=tag(each), slug=slug) for each in languages()}
    return page(locale, "help_topic.html", name=category.name_in(locale), found=found, there=there, q="")


@blueprint.get("/<language>/<slug>")
def article(language: str, slug: str) -> Any:
    """An article."""
    locale = _locale(language)
    text = session().scalar(_live(locale).where(Translation.slug == slug).options(undefer(Translation.live_html)))
    if text is None:
        moved = session().scalar(_live(locale).join(OldSlug, OldSlug.translation_id == Translation.id).where(
            OldSlug.locale == locale, OldSlug.slug == slug))
        if moved is not None:
            return redirect(plugin_url("article", language=language, slug=moved.slug), 301)
        return _missing(locale)
    others = [each for each in text.article.translations if each.is_live]
    related = [each.translation for each in search.find(locale, text.live_title, limit=4, typing=False)
               if each.translation.id != text.id][:3]
    votes = text.useful + text.not_useful
    shelf = text.article.category
    return page(locale, "help_article.html", text=text, sections=headings(text.live_html), related=related,
                others=others, shelf=shelf, shelf_name=shelf.name_in(locale) if shelf else None,
                votes=votes if votes >= ENOUGH_VOTES else 0, q="",
                day=_day(text.live_at), there={each.locale: address(each) for each in others})


def _day(at: dt.datetime | None) -> dt.date | None:
    """The day at the desk. Not the reader's: nobody knows who that is, and a cache would not ask."""
    return at.astimezone(ZoneInfo(str(settings.get("desk.time_zone")))).date() if at else None


def address(text: Translation, *, absolute: bool = False) -> str:
    """Where a published article is read."""
    return plugin_url("article", language=tag(text.locale), slug=text.slug, absolute=absolute)


@blueprint.get("/<language>/search")
def find(language: str) -> Any:
    """What was found; `part=hits` is the list alone, for the search as one types."""
    locale, words = _locale(language), request.args.get("q", "")[:200].strip()
    alone = request.args.get("part") == "hits"
    found = search.find(locale, request.args.get("q", "")[:200], limit=ALL_HITS, texts=True)
    if words and not found and (not alone or request.args.get("settled")):
        feedback.missed(locale, words, request.remote_addr or "")
    hits = [(each.translation, *marks.marked(locale, words, each.translation)) for each in
            (found[:HITS] if alone else found)]
    template = "help_hits.html" if alone else "help_search.html"
    return page(locale, template, keep=False, q=words, hits=hits, total=len(found),
                there={each: plugin_url("find", language=tag(each), q=words) for each in languages()})


@blueprint.get("/files/<token>/<filename>")
def file(token: str, filename: str) -> Any:
    """A picture of an article."""
    return images.send(token, is_open=bool(settings.get("kb.public")))


@blueprint.get("/sitemap.xml")
def sitemap() -> Any:
    """Every article with its languages, for search engines."""
    if not settings.get("kb.search_engines"):
        abort(404)
    texts = list(session().scalars(_live().order_by(Translation.article_id, Translation.locale)))
    entries = [(each, [(tag(other.locale), address(other, absolute=True))
                       for other in each.article.translations if other.is_live], address(each, absolute=True))
               for each in texts]
    homes = [plugin_url("home", language=tag(each), absolute=True) for each in languages()]
    body = render("sitemap.xml", entries=entries, homes=homes)
    return _kept(Response(body, mimetype="application/xml"))


# --- what readers send ------------------------------------------------------------------------------------------


@forms.post("/<language>/<slug>/vote")
def vote(language: str, slug: str) -> Any:
    """Was this useful?"""
    locale = _locale(language)
    text = session().scalar(_live(locale).where(Translation.slug == slug))
    if text is None:
        return _missing(locale)
    useful = request.form.get("useful") == "yes"
    token = feedback.vote(text, useful, request.remote_addr or "")
    return _thanks(locale, text, token=token, useful=useful)


@forms.post("/<language>/<slug>/comment")
def comment(language: str, slug: str) -> Any:
    """What was missing."""
    locale = _locale(language)
    text = session().scalar(_live(locale).where(Translation.slug == slug))
    if text is None:
        return _missing(locale)
    feedback.comment(request.form.get("token", "")[:32], request.form.get("comment", ""))
    return _thanks(locale, text, token=None, useful=True, commented=True)


def _thanks(locale: str, text: Translation, **values: Any) -> Response:
    alone = request.headers.get("X-Part") == "1"
    return page(locale, "help_thanks.html" if alone else "help_voted.html", keep=False, text=text, q="",
                **{"commented": False, **values})

"""Finds articles by words: an index of weighted words in a table of its own, and BM25 over it.

The same on both databases, and the order is by relevance, which the core's index of messages does not know. Words
are folded and cut by the core's own function, so Thai, Japanese and Chinese are found by pairs of signs; English and
Norwegian words count in their stem as well ("sizes" finds "size").
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer
import sqlalchemy as sa
from sqlalchemy.orm import undefer

from inbox.toolkit import search_words, session, transaction
from inbox_plugins.kb.markdown import headings
from inbox_plugins.kb.models import Article, Term, Translation

TITLE, HEADING, CATEGORY, BODY = 4.0, 2.0, 1.5, 1.0
STEMMERS = {"en": "english", "nb": "norwegian"}
STEM = "~"  # stands before a stem, which is never the beginning of a word somebody types
LONGEST_TERM = 80
MOST_TERMS = 60  # of a question
LONG_STEM = 5  # letters from which a stem is looked for in compounds, too: levering, leveringstid
K1, B = 1.2, 0.6
# Words that stand in every question and say nothing of its matter.
SILENT = {
    "en": frozenset("""a about am an and any are as at be been but by can could did do does for from had has have how i
        if in into is it its me my no not of on one or our should so some that the their them then there these they this
        to up was we were what when where which who why will with would you your""".split()),  # noqa: SIM905
    "nb": frozenset("""alle at av bare da de deg dem den denne der dere det dette di din disse du eller en er et for
        fra få får gjør ha han har her hun hva hvem hvilken hvis hvor hvordan hvorfor i ikke inn jeg kan man med meg mer
        min mitt mot må ned noe noen når og også om opp oss på sin skal skulle slik som så til ut var ved vi vil være
        vår""".split()),  # noqa: SIM905
}
_HIRAGANA = re.compile("[\u3041-\u309f]+")  # endings and particles, mostly


@dataclass(frozen=True)
class Hit:
    """A text that was found. `fit` says how well, alike in few and in many articles: below 2 by chance, perhaps."""

    translation: Translation
    fit: float


# --- words ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _stemmer(locale: str):  # type: ignore[no-untyped-def]
    return snowballstemmer.stemmer(STEMMERS[locale]) if locale in STEMMERS else None


def terms(locale: str, text: str) -> list[str]:
    """The words of a text as the index has them."""
    found: list[str] = []
    stemmer, silent = _stemmer(locale), SILENT.get(locale, frozenset())
    for word in search_words(text):
        if word in silent:
            continue
        found.append(word[:LONGEST_TERM])
        if stemmer is not None and len(word) > 2:
            found.append(STEM + stemmer.stemWord(word)[:LONGEST_TERM - 1])
    return found


def weigh(article: Article, locale: str, title: str, html: str, text: str) -> dict[str, float]:
    """How much each word counts in an article. Work: do it before the transaction."""
    shelf = article.category.name_in(locale) if article.category else None
    weights: defaultdict[str, float] = defaultdict(float)
    for part, weight in ((title, TITLE), (" \n ".join(each.title for each in headings(html)), HEADING), (text, BODY),
                         (f"{shelf.title} \n {shelf.summary}" if shelf else "", CATEGORY)):
        for term in terms(locale, part):
            weights[term] += weight
    return dict(weights)


def reindex(article: Article) -> None:
    """Index what readers see of an article anew: it moved to another category, or that was renamed."""
    fresh = [(each, weigh(article, each.locale, each.live_title, each.live_html, each.live_text))
             for each in article.translations if each.is_live]
    with transaction():
        for of, weights in fresh:
            index(of, weights)


def guess(text: str) -> str:
    """The language of what somebody wrote, as far as the help centre has it: by its script, else by its small words."""
    if re.search("[\u0e00-\u0e7f]", text):
        return "th"
    if re.search("[\u3040-\u30ff]", text):
        return "ja"
    if re.search("[\u4e00-\u9fff]", text):
        return "zh_Hant"
    words = search_words(text[:2000])
    counts = {locale: sum(each in silent for each in words) for locale, silent in SILENT.items()}
    return max(counts, key=lambda locale: counts[locale])


# --- the index --------------------------------------------------------------------------------------------------


def index(of: Translation, weights: dict[str, float]) -> None:
    """Put a text into the index, in the transaction that publishes it."""
    forget(of)
    of.terms = int(sum(weights.values()))
    if weights:
        session().execute(sa.insert(Term), [
            {"locale": of.locale, "term": term, "translation_id": of.id, "weight": weight}
            for term, weight in sorted(weights.items())])


def forget(of: Translation) -> None:
    """Take a text out of the index."""
    session().execute(sa.delete(Term).where(Term.translation_id == of.id))


# --- finding ----------------------------------------------------------------------------------------------------


def find(locale: str, words: str, *, audiences: Sequence[str] = ("public",), limit: int = 10,
         typing: bool = True, texts: bool = False) -> list[Hit]:
    """The texts of a language that fit best, best first. With `typing` the last word may go on.

    With `texts` their words come along, for an excerpt.
    """
    wanted = list(dict.fromkeys(terms(locale, words)))[:MOST_TERMS]
    beginnings = {each[1:] for each in wanted if each.startswith(STEM) and len(each) > LONG_STEM}
    if typing and (last := _unfinished(words)):
        beginnings.add(last)
    if not wanted and not beginnings:
        return []
    total, length = _corpus(locale, audiences)
    scores = _scores(_rows(locale, wanted, sorted(beginnings), audiences), total, length)
    best = sorted(scores.items(), key=lambda each: (-each[1], each[0]))[:limit]
    found = {each.id: each for each in session().scalars(
        sa.select(Translation).where(Translation.id.in_([number for number, _ in best])).options(
            *([undefer(Translation.live_text)] if texts else [])))}
    return [Hit(found[number], score / math.log(1 + total)) for number, score in best if number in found]


def _unfinished(words: str) -> str:
    """The last word when it may go on: no blank behind it."""
    folded = search_words(words)
    last = folded[-1][:LONGEST_TERM] if folded and not words[-1:].isspace() else ""
    return last if len(last) > 1 or last > "z" else ""  # one sign of Chinese says more than one letter


def _live(locale: str, audiences: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    return [Article.audience.in_(audiences), Translation.state == "published", Translation.locale == locale]


def _corpus(locale: str, audiences: Sequence[str]) -> tuple[int, float]:
    """How many texts there are, and how long they are on the average."""
    total, length = session().execute(
        sa.select(sa.func.count(), sa.func.avg(Translation.terms)).select_from(Translation).join(Article)
        .where(*_live(locale, audiences))).one()
    return int(total), float(length or 1)


def _rows(locale: str, wanted: list[str], beginnings: list[str], audiences: Sequence[str],
          ) -> Iterator[tuple[str, int, float, int]]:
    """What was asked for, the text that has it, its weight there, the size of the text. A beginning ends with …"""
    match = [Term.term.in_(wanted), *(
        sa.and_(Term.term >= each, Term.term < each + "\U0010ffff") for each in beginnings)]
    rows = session().execute(
        sa.select(Term.term, Term.translation_id, Term.weight, Translation.terms)
        .join(Translation, Translation.id == Term.translation_id).join(Article)
        .where(Term.locale == locale, sa.or_(*match), *_live(locale, audiences)))
    exact = set(wanted)
    for term, number, weight, size in rows:
        if term in exact:
            yield term, number, weight, size
        for each in beginnings:
            if term.startswith(each):
                yield f"{each}…", number, weight, size


def _scores(rows: Iterable[tuple[str, int, float, int]], total: int, length: float) -> dict[int, float]:
    """BM25 of every text that holds something of what was asked for."""
    texts: defaultdict[str, dict[int, tuple[float, int]]] = defaultdict(dict)
    for word, number, weight, size in rows:
        before = texts[word].get(number, (0.0, size))[0]
        texts[word][number] = (max(before, weight), size)
    scores: defaultdict[int, float] = defaultdict(float)
    for word, found in texts.items():
        rare = math.log(1 + (total - len(found) + 0.5) / (len(found) + 0.5))
        for number, (weight, size) in found.items():
            norm = K1 * (1 - B + B * size / length)
            scores[number] += _share(word) * rare * weight * (K1 + 1) / (weight + norm)
    return scores


def _share(word: str) -> float:
    """How much a word counts beside others: half where a stem or a beginning was found only."""
    if word.startswith(STEM) or word.endswith("…"):
        return 0.5
    return 0.3 if _HIRAGANA.fullmatch(word) else 1.0

"""Articles of the demo shop, in five languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from inbox.toolkit import transaction
from inbox_plugins.kb import articles, categories
from inbox_plugins.kb.articles import LANGUAGES, Text
from inbox_plugins.kb.models import Article, Miss, Vote

FOLDER = Path(__file__).parent / "demo"
INTERNAL = {"byhand"}


def fill() -> dict[str, Article]:
    """Write the shop's articles and publish them. Returns them by the short names of the files."""
    made: dict[str, Article] = {}
    for slug, shelf in tomllib.loads((FOLDER / "categories.toml").read_text("utf-8")).items():
        names = {locale: tuple(shelf[locale]) for locale in LANGUAGES}
        category = categories.save(None, names, slug=slug, icon=shelf["icon"], by=None)
        for key in shelf["articles"]:
            made[key] = articles.create(None, category_id=category.id,
                                        audience="internal" if key in INTERNAL else "public")
    for locale in reversed(LANGUAGES):  # English last: on top of the list
        for key, title, body in texts(locale):
            kept = articles.save(made[key], locale, Text(title, body), None)
            articles.publish(kept, None)
    return made


READERS = {"swap": (214, 17), "delivery": (181, 22), "wash": (96, 3), "refund": (58, 11), "giftcard": (40, 19)}
COMMENTS = {"giftcard": "It was an O after all, no: a zero. Say so in larger letters!",
            "delivery": "How long does it take to Iceland?", "wash": "Saved my favourite cardigan, thank you."}
MISSED = (("en", "gift wrapping", 7), ("nb", "strikkekurs", 5), ("en", "klarna", 4), ("ja", "編み針", 3),
          ("th", "ห่อของขวัญ", 2), ("zh_Hant", "門市", 2))


def readers(made: dict[str, Article]) -> None:
    """A month of readers: what they found useful, what they wrote, what they searched in vain."""
    with transaction() as current:
        for key, (useful, not_useful) in READERS.items():
            text = made[key].in_locale("en")
            assert text is not None
            text.useful, text.not_useful = useful, not_useful
            if key in COMMENTS:
                current.add(Vote(token=f"demo-{key}", translation_id=text.id, version=1, is_useful=key == "wash",
                                 comment=COMMENTS[key]))
        current.add_all(Miss(locale=locale, words=words, times=times) for locale, words, times in MISSED)
    draft = articles.create(None, category_id=made["wash"].category_id, audience="public")
    articles.save(draft, "en", Text("Knitting courses in spring", "Six evenings in March. *Dates follow.*"), None)


def texts(locale: str) -> Iterator[tuple[str, str, str]]:
    """Short name, title and body of every article in a language."""
    whole = (FOLDER / f"{locale}.md").read_text("utf-8")
    parts = re.split(r"^# (\w+): (.+)$", whole, flags=re.MULTILINE)[1:]
    for place in range(0, len(parts), 3):
        yield parts[place], parts[place + 1], parts[place + 2].strip()

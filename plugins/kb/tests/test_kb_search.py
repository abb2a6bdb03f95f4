"""The search of the knowledge base: forty questions in five languages, and what comes while one types."""

import tomllib
from pathlib import Path

import pytest

QUESTIONS = tomllib.loads((Path(__file__).parent / "kb_questions.toml").read_text("utf-8"))


@pytest.fixture
def shop(activate):
    """The articles of the demo shop: their short names by number."""
    activate("kb")
    from inbox_plugins.kb import demo

    return {each.id: key for key, each in demo.fill().items()}


def test_nine_of_ten_questions_find_their_article_among_the_first_three(shop) -> None:
    from inbox_plugins.kb import search

    asked, missed = 0, []
    for locale, questions in QUESTIONS.items():
        for words, wanted in questions.items():
            first = [shop[each.translation.article_id] for each in search.find(locale, words, limit=3)]
            asked += 1
            if wanted not in first:
                missed.append((locale, words, first))
    assert asked == 40
    assert len(missed) <= 4, missed
    for locale, words, wanted in (("en", "swap swea", "swap"), ("nb", "gavek", "giftcard"), ("th", "รหัสผ่", "password"),
                                  ("ja", "毛", "pilling"), ("zh_Hant", "禮物", "giftcard")):  # while one types
        assert wanted in [shop[each.translation.article_id] for each in search.find(locale, words, limit=3)], words
    assert search.find("en", "zzzz qqqq") == [] and search.find("en", "  ?! ") == []
    assert all(shop[each.translation.article_id] != "byhand" for each in search.find("en", "refund by hand"))

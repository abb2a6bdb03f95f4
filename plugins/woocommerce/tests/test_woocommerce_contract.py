"""What every plugin has to keep to, and that every word of this one is translated."""

from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

PLUGIN = Path(__file__).parent.parent
KEYWORDS = {**DEFAULT_KEYWORDS, "_": None, "Invalid": (2,), "NotFound": None, "NotAllowed": None, "Line": (1,),
            "Permission": (2,), "SearchFilter": (3,), "Placeholder": (2,)}
METHODS = [("tests/**", "ignore"), ("**.py", "python"), ("templates/**.html", "jinja2")]


def test_it_keeps_to_the_contract(plugin_contract) -> None:
    plugin_contract("woocommerce")


@pytest.mark.parametrize("locale", ["nb", "th", "ja", "zh_Hant"])
def test_every_string_is_translated(locale) -> None:
    known = set()
    for folder in (PLUGIN / "translations", files("inbox") / "translations"):
        with (folder / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
            known |= {each.id for each in read_po(file, locale) if each.id and each.string}
    said = {message for _, _, message, _, _ in extract_from_dir(PLUGIN, METHODS, keywords=KEYWORDS)
            if isinstance(message, str) and message}
    assert sorted(said - known) == []

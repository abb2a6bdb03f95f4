"""Colours: how well one is read on another, and a site's own."""

import pytest

from inbox import colors


def test_contrast_is_that_of_wcag() -> None:
    assert colors.contrast(colors.read("#000"), colors.read("#fff")) == pytest.approx(21)
    assert colors.contrast(colors.read("#767676"), colors.WHITE) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("text", ["#2f6fde", "#ff8800", "#123456", "#808080"])
def test_oklch_and_back(text: str) -> None:
    assert colors.write(colors.from_oklch(*colors.to_oklch(colors.read(text)))) == text


@pytest.mark.parametrize("text", ["red", "#12", "oklch(50%)", "#2f6fde;}", ""])
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(ValueError, match="no colour"):
        colors.read(text)


@pytest.mark.parametrize("text", ["#ff8800", "#00aa55", "#ffff00", "#2f6fde"])
def test_a_colour_that_is_hard_to_read_is_refused_with_one_that_works(text: str) -> None:
    said = colors.accent_problem(text)
    assert said is not None and "hard to read" in said
    nearest = said.rpartition(" ")[2].rstrip(".")
    assert colors.accent_problem(nearest) is None


@pytest.mark.parametrize("text", ["#1d4ed8", "#800000", "#000000", "#6b21a8", "#0f5132"])
def test_a_site_s_colour_can_be_read_light_and_dark(text: str) -> None:
    assert colors.accent_problem(text) is None
    pairs = {name: value.removeprefix("light-dark(").rstrip(")").split(", ")
             for name, value in colors.accent_tokens(text).items()}
    for number, surface in enumerate((colors.WHITE, colors.NIGHT)):
        accent, ink, wash = (colors.read(pairs[name][number]) for name in ("accent", "accent-ink", "accent-wash"))
        for one, other in ((accent, surface), (accent, wash), (ink, accent)):
            assert colors.contrast(one, other) >= colors.AA

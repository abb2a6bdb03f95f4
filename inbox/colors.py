"""Colours: reading them, how well one can be read on another (WCAG 2), and mending one that cannot."""

from __future__ import annotations

import math
import re

HEX = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
OKLCH = re.compile(r"oklch\(\s*([\d.]+)(%?)\s+([\d.]+)\s+([\d.]+)\s*\)")
AA, AAA = 4.5, 7.0  # what text of ordinary size needs
Rgb = tuple[float, float, float]  # each 0 to 1


def read(text: str) -> Rgb:
    """A colour like `#2f6fde`, `#fff` or `oklch(50% .15 262)`. Raises ValueError."""
    if found := HEX.fullmatch(text.strip()):
        digits = found[1] if len(found[1]) == 6 else "".join(2 * each for each in found[1])
        return (int(digits[:2], 16) / 255, int(digits[2:4], 16) / 255, int(digits[4:], 16) / 255)
    if found := OKLCH.fullmatch(text.strip()):
        return from_oklch(float(found[1]) / (100 if found[2] else 1), float(found[3]), float(found[4]))
    raise ValueError(f"{text!r} is no colour like #2f6fde or oklch(50% .15 262).")


def write(color: Rgb) -> str:
    """A colour as `#rrggbb`."""
    return "#" + "".join(f"{round(each * 255):02x}" for each in color)


def from_oklch(lightness: float, chroma: float, hue: float) -> Rgb:
    """From OKLCH, clipped to what a screen shows."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (_gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
            _gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
            _gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short))


def to_oklch(color: Rgb) -> tuple[float, float, float]:
    """Lightness (0 to 1), chroma, hue in degrees."""
    red, green, blue = map(_linear, color)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def _gamma(value: float) -> float:
    value = min(1.0, max(0.0, value))
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def luminance(color: Rgb) -> float:
    """How light a colour is to the eye, 0 to 1."""
    red, green, blue = map(_linear, color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """1 (the same) to 21 (black on white)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def legible(color: Rgb, ground: Rgb, ratio: float = AA) -> Rgb:
    """The nearest colour of the same hue that can be read on a ground: darker on light ones, lighter on dark ones."""
    lightness, chroma, hue = to_oklch(color)
    step = -0.01 if luminance(ground) > 0.18 else 0.01
    while contrast(read(write(color)), ground) < ratio and 0 < lightness + step < 1:
        lightness += step
        color = from_oklch(lightness, chroma, hue)
    return color


# --- a site's own colour ----------------------------------------------------------------------------------------

WHITE, NIGHT = read("#ffffff"), read("oklch(22.5% .009 265)")  # surfaces of the desk, light and dark


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """So much of one colour in the other."""
    return (one[0] * share + other[0] * (1 - share), one[1] * share + other[1] * (1 - share),
            one[2] * share + other[2] * (1 - share))


def _wash(color: Rgb, surface: Rgb) -> Rgb:
    return mix(color, surface, 0.08 if surface == WHITE else 0.18)


def _accent(color: Rgb, surface: Rgb) -> Rgb:
    """The colour itself, or the nearest that can be read on a surface and on its own wash."""
    found = legible(color, surface)
    while contrast(found, _wash(found, surface)) < AA:
        better = legible(found, _wash(found, surface))
        if better == found:
            break
        found = better
    return read(write(found))


def accent_problem(text: str) -> str | None:
    """Why a colour cannot be a site's own, with the nearest that can; None: it can. Empty is none."""
    if not text:
        return None
    try:
        color = read(text)
    except ValueError:
        return "Write a colour like #2f6fde."
    if not HEX.fullmatch(text):
        return "Write a colour like #2f6fde."
    nearest = _accent(color, WHITE)
    if write(nearest) == write(color):
        return None
    ratio = min(contrast(color, WHITE), contrast(color, _wash(color, WHITE)))
    return (f"Links and buttons of this colour are hard to read on a light page ({ratio:.1f} to 1, and it takes "
            f"{AA} to 1). The nearest that works is {write(nearest)}.")


def accent_tokens(text: str) -> dict[str, str]:
    """The tokens that hang on a site's own colour: for dark pages a lighter one of the same hue."""
    day, night = read(text), _accent(read(text), NIGHT)
    ink = max((read("#14171f"), WHITE), key=lambda each: contrast(each, night))
    pairs = {"accent": (day, night), "accent-ink": (WHITE, ink),
             "accent-wash": (_wash(day, WHITE), _wash(night, NIGHT))}
    return {name: f"light-dark({write(light)}, {write(dark)})" for name, (light, dark) in pairs.items()}

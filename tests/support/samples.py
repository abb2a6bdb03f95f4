"""Copies of the sample plugins under other names: a process maps the classes of a plugin once."""

from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "sample_plugins"


def copy_sample(sample: str, name: str, folder: Path) -> Path:
    """Write `tests/sample_plugins/<sample>` to `folder/<name>`, called so throughout. Returns where it lies."""
    place = folder / name
    for path in (SAMPLES / sample).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = place / path.relative_to(SAMPLES / sample)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text("utf-8").replace(sample, name), "utf-8")
    return place

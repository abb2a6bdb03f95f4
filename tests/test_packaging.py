"""The wheel holds everything the program needs, and works without the source folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".bench", "instance", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", "tests", "docs"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the source, with the tools that are already installed."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=LEFT_OUT)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, folder / "source"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def shipped(folder: Path, prefix: str) -> set[str]:
    """Return what must be in the wheel for one of our folders: all but tests and caches."""
    return {
        f"{prefix}/{path.relative_to(folder)}"
        for path in folder.rglob("*")
        if path.is_file() and not {"tests", "__pycache__"} & set(path.parts) and path.name != ".gitkeep"
    }


def test_wheel_holds_every_file(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = (
        shipped(ROOT / "inbox", "inbox")
        | shipped(ROOT / "plugins", "inbox_plugins")
        | shipped(ROOT / "themes", "inbox_themes")
    )
    assert sorted(wanted - inside) == []


def test_wheel_brings_no_tests_of_ours(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.startswith(("tests/", "bench/", "docs/"))] == []


def test_wheel_runs_outside_of_the_source(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import inbox, inbox.cli; print(inbox.__file__); inbox.cli.main(['--version'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "INBOX_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site") in done.stdout
    assert inbox_version() in done.stdout


def inbox_version() -> str:
    """The version that the command must print."""
    import inbox

    return inbox.__version__

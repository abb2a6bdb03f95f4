"""Which revision a database is at, and which is the newest: read without Alembic, and as Alembic says."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from inbox import migrate

PLUGINS = Path(__file__).parents[1] / "plugins"
FOLDERS = [migrate.CORE_FOLDER, *sorted(PLUGINS.glob("*/migrations"))]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_the_newest_revision_is_the_one_alembic_names(folder: Path) -> None:
    scripts = migrate._scripts(folder)
    assert migrate.head(folder) == scripts.get_current_head()
    written = migrate._written(folder)
    assert written is not None and written["revision"] == {each.revision for each in scripts.walk_revisions()}


def test_a_file_that_says_it_in_another_way_is_read_by_alembic(tmp_path: Path) -> None:
    (tmp_path / "m1.py").write_text("revision = '1'\ndown_revision = None\n")
    (tmp_path / "m2.py").write_text("revision = str(2)\ndown_revision = str(1)\n")
    assert migrate._written(tmp_path) is None and migrate.head(tmp_path) == "2"
    assert migrate.knows("2", tmp_path) and not migrate.knows("3", tmp_path)


def test_an_empty_database_is_at_no_revision() -> None:
    assert migrate.current(sa.create_engine("sqlite://")) is None

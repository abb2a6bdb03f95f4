"""Which revision a database is at, and which is the newest: read without Alembic, and as Alembic says."""

import ast
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


# --- old and new processes side by side ---------------------------------------------------------------------------

TAKES_AWAY = {"drop_table", "drop_column", "rename_table", "alter_column"}
DEMANDS = {"create_unique_constraint", "create_check_constraint", "create_foreign_key"}


def not_additive(source: str) -> list[str]:
    """What in upgrade() the last version could not live with. Nothing in one marked `contract = True`."""
    tree = ast.parse(source)
    if any(isinstance(each, ast.Assign) and ast.unparse(each).startswith("contract = True") for each in tree.body):
        return []
    (upgrade,) = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "upgrade"]
    found = []
    for call in [each for each in ast.walk(upgrade) if isinstance(each, ast.Call)]:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        words = ast.unparse(call)
        said = words.upper()
        if any((name in TAKES_AWAY | DEMANDS,
                name == "execute" and any(each in said for each in ("DROP ", "RENAME ", "SET NOT NULL")),
                name == "create_index" and "unique=True" in words and not _is_new(upgrade, call),
                name == "add_column" and "nullable=False" in words and "server_default" not in words)):
            found.append(words)
    return found


def _is_new(upgrade: ast.FunctionDef, index: ast.Call) -> bool:
    """An index of a table that the same migration makes binds nobody else."""
    made = {ast.unparse(each.args[0]) for each in ast.walk(upgrade) if isinstance(each, ast.Call) and each.args
            and isinstance(each.func, ast.Attribute) and each.func.attr == "create_table"}
    return len(index.args) > 1 and ast.unparse(index.args[1]) in made


def test_migrations_only_add_or_say_that_they_do_not() -> None:
    wrong = {file.name: found for file in sorted(migrate.CORE_FOLDER.glob("m*.py")) if file.name > "m0022"
             and (found := not_additive(file.read_text("utf-8")))}
    assert wrong == {}, "the last version runs beside this one; see docs/how-to/scale.md, Upgrading one by one"


@pytest.mark.parametrize("step", [
    "op.drop_table('x')", "op.rename_table('x', 'y')", "op.execute('ALTER TABLE x DROP COLUMN y')",
    "op.add_column('x', sa.Column('y', sa.Integer(), nullable=False))",
    "op.create_index('i', 'x', ['y'], unique=True)"])
def test_a_step_that_breaks_the_last_version_is_found(step: str) -> None:
    assert not_additive(f"def upgrade():\n    {step}\n") != []
    assert not_additive(f"contract = True\ndef upgrade():\n    {step}\n") == []


@pytest.mark.parametrize("step", [
    "op.create_table('x'); op.create_index('i', 'x', ['y'], unique=True)",
    "op.add_column('z', sa.Column('y', sa.Text(), nullable=True))"])
def test_a_step_that_only_adds_is_fine(step: str) -> None:
    assert not_additive(f"def upgrade():\n    {step}\n") == []


def test_which_program_may_run_on_newer_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    assert not migrate.can_run_on(engine)
    migrate.migrate(engine)
    assert migrate.can_run_on(engine)

    def say(revision: str, floor: str) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :r, floor = :f"),
                               {"r": revision, "f": floor})

    say("9999", str(migrate.head()))
    assert migrate.can_run_on(engine)  # what came since only added
    say("9999", "9998")
    assert not migrate.can_run_on(engine)  # something we rely on is gone
    say("0021", "0021")
    assert not migrate.can_run_on(engine)  # older than we are: upgrade first
    engine.dispose()

"""Who was found to be different people, not only how many; why rows were broken, in words that can be translated.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _replace_apart(sa.Column("customers", sa.JSON(), nullable=False))
    with op.batch_alter_table("crm_import_problem") as table:
        table.add_column(sa.Column("values", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("crm_import_problem") as table:
        table.alter_column("values", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("crm_import_problem") as table:
        table.drop_column("values")
    _replace_apart(sa.Column("count", sa.Integer(), nullable=False))


def _replace_apart(column: sa.Column) -> None:
    """Nobody knows which customers were meant by a number: they are shown once more."""
    op.drop_table("crm_apart")
    key = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
    op.create_table("crm_apart", sa.Column("name", key, primary_key=True), column)

"""CSV files on their way in.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "crm_import",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("filename", sa.String(200), nullable=False),
        sa.Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id", ondelete="SET NULL")),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("overwrite", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("total", "created", "changed", "same", "broken")),
        sa.Column("made_at", TIME, nullable=False), sa.Column("ended_at", TIME))
    op.create_index("ix_crm_import_agent_id", "crm_import", ["agent_id"])
    op.create_table(
        "crm_import_part",
        sa.Column("import_id", sa.Integer(), sa.ForeignKey("crm_import.id", ondelete="CASCADE"), primary_key=True,
                  autoincrement=False),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("rows", sa.JSON(), nullable=False))
    op.create_table(
        "crm_import_problem",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("import_id", sa.Integer(), sa.ForeignKey("crm_import.id", ondelete="CASCADE"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False))
    op.create_index("ix_crm_import_problem_line", "crm_import_problem", ["import_id", "line"])


def downgrade() -> None:
    for table in ("crm_import_problem", "crm_import_part", "crm_import"):
        op.drop_table(table)

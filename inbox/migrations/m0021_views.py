"""The icon of a view that somebody made, and whether its tickets are counted.

Revision ID: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("view", sa.Column("icon", sa.String(20), nullable=False, server_default=""))
    op.add_column("view", sa.Column("is_counted", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")

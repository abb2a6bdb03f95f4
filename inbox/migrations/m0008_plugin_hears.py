"""The event hooks a plugin answers, so that its events are kept while its code cannot be loaded.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("plugin", sa.Column("hears", sa.JSON(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")

"""The signature of a message, folded apart from its quoted text.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("text_signature", sa.Text(), nullable=False, server_default=""))
    op.add_column("message", sa.Column("html_signature", sa.Text(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")

"""What PostgreSQL's search index holds of a message lies in its row, not beside it.

A search looks at the newest messages one by one. Where what the index holds of one is over 2 kB (of a Thai or Japanese
message it mostly is), four more pages were read for it: 4,000 messages took 4.9 ms, and in the row 2.7.

Revision ID: 0027
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # for messages that come; `VACUUM FULL search_index` moves the rest
        op.execute("ALTER TABLE search_index ALTER COLUMN body SET STORAGE MAIN")


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")

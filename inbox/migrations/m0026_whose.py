"""Whose tickets are where: counted in the index alone, for agents who reach some departments.

Revision ID: 0026
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_ticket_assignee_shelf_department", "ticket", ["assignee_id", "shelf", "department_id"])


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")

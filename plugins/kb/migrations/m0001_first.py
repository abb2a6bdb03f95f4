"""The tables of the knowledge base.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from inbox.toolkit import UtcDateTime

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TERM = sa.String(80).with_variant(sa.String(80, collation="C"), "postgresql")
TABLES = ("kb_miss", "kb_vote", "kb_image", "kb_term", "kb_old_slug", "kb_version", "kb_translation", "kb_article",
          "kb_category_name", "kb_category")


def _to(table: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{table}.id", ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "kb_category",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("slug", sa.String(120), nullable=False, unique=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("icon", sa.String(20), nullable=False),
    )
    op.create_table(
        "kb_category_name",
        sa.Column("category_id", sa.Integer(), _to("kb_category"), primary_key=True),
        sa.Column("locale", sa.String(16), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
    )
    op.create_table(
        "kb_article",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("category_id", sa.Integer(), sa.ForeignKey("kb_category.id", ondelete="SET NULL"), index=True),
        sa.Column("audience", sa.String(10), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("message_pk", BIG),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("audience IN ('public', 'internal')", name="audience"),
    )
    op.create_table(
        "kb_translation",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("article_id", BIG, _to("kb_article"), nullable=False, index=True),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("slug", sa.String(120), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("live_version", sa.Integer()),
        sa.Column("live_title", sa.Text(), nullable=False),
        sa.Column("live_html", sa.Text(), nullable=False),
        sa.Column("live_text", sa.Text(), nullable=False),
        sa.Column("live_at", UtcDateTime()),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("terms", sa.Integer(), nullable=False),
        sa.Column("useful", sa.Integer(), nullable=False),
        sa.Column("not_useful", sa.Integer(), nullable=False),
        sa.UniqueConstraint("article_id", "locale"),
        sa.UniqueConstraint("locale", "slug"),
        sa.CheckConstraint("state IN ('draft', 'published', 'archived')", name="state"),
    )
    op.create_index("ix_kb_translation_changed_at", "kb_translation", ["changed_at", "id"])
    op.create_table(
        "kb_version",
        sa.Column("translation_id", BIG, _to("kb_translation"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("restored_from", sa.Integer()),
    )
    op.create_table(
        "kb_old_slug",
        sa.Column("locale", sa.String(16), primary_key=True),
        sa.Column("slug", sa.String(120), primary_key=True),
        sa.Column("translation_id", BIG, _to("kb_translation"), nullable=False, index=True),
    )
    op.create_table(
        "kb_term",
        sa.Column("locale", sa.String(16), primary_key=True),
        sa.Column("term", TERM, primary_key=True),
        sa.Column("translation_id", BIG, _to("kb_translation"), primary_key=True, index=True),
        sa.Column("weight", sa.Float(), nullable=False),
    )
    op.create_table(
        "kb_image",
        sa.Column("token", sa.String(32), primary_key=True),
        sa.Column("article_id", BIG, _to("kb_article"), index=True),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(40), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "kb_vote",
        sa.Column("token", sa.String(32), primary_key=True),
        sa.Column("translation_id", BIG, _to("kb_translation"), nullable=False, index=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_useful", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False, index=True),
    )
    op.create_table(
        "kb_miss",
        sa.Column("locale", sa.String(16), primary_key=True),
        sa.Column("words", sa.String(120), primary_key=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False, index=True),
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)

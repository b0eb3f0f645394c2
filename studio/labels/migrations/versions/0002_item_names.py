"""Further names of an item"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The table of further names; items keep the one that they have."""
    op.create_table(
        "item_names",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_item_names_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("item_id", "name", name=op.f("pk_item_names")),
    )


def downgrade() -> None:
    """Take it back: every item keeps its first name."""
    op.drop_table("item_names")

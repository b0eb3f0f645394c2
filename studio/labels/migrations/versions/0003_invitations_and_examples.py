"""Invitations, examples of classes, and who may see a trained model"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Two tables; models that were trained before stay shared, with unknown counts."""
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("joined", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_invitations_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("secret", name=op.f("uq_invitations_secret")),
    )
    op.create_index(op.f("ix_invitations_project_id"), "invitations", ["project_id"])
    op.create_table(
        "class_examples",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("picture", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_class_examples_project_id")
        ),
        sa.ForeignKeyConstraint(
            ["picture"], ["pictures.sha256"], name=op.f("fk_class_examples_picture")
        ),
        sa.PrimaryKeyConstraint("project_id", "picture", name=op.f("pk_class_examples")),
    )
    op.add_column("trainings", sa.Column("counts", sa.JSON(), server_default="{}", nullable=False))
    op.add_column(
        "trainings", sa.Column("shared", sa.Boolean(), server_default=sa.true(), nullable=False)
    )


def downgrade() -> None:
    """Take it back: links no longer work, and every model is everybody's."""
    with op.batch_alter_table("trainings") as table:
        table.drop_column("shared")
        table.drop_column("counts")
    op.drop_table("class_examples")
    op.drop_index(op.f("ix_invitations_project_id"), "invitations")
    op.drop_table("invitations")

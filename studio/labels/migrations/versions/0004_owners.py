"""Whose projects and names of models are"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Projects of before are nobody's login's; a name is the project's that trained it last."""
    op.add_column("projects", sa.Column("owner", sa.String(), server_default="", nullable=False))
    names = op.create_table(
        "model_names",
        sa.Column("bundle", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_model_names_project_id")
        ),
        sa.PrimaryKeyConstraint("bundle", "name", name=op.f("pk_model_names")),
    )
    op.create_index(op.f("ix_model_names_project_id"), "model_names", ["project_id"])
    trained = op.get_bind().execute(
        sa.text(
            "SELECT p.bundle, t.model, t.project_id FROM trainings t "
            "JOIN projects p ON p.id = t.project_id ORDER BY t.id"
        )
    )
    last = {(bundle, model.casefold()): project for bundle, model, project in trained}
    rows = [
        {"bundle": bundle, "name": name, "project_id": project}
        for (bundle, name), project in last.items()
    ]
    if rows:
        op.bulk_insert(names, rows)


def downgrade() -> None:
    """Take it back: any project may replace any model."""
    op.drop_index(op.f("ix_model_names_project_id"), "model_names")
    op.drop_table("model_names")
    op.drop_column("projects", "owner")  # in place: other tables point at this one

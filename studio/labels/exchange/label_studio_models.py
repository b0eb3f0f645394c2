"""Label Studio's tasks as its JSON export has them, current and old; unknown fields are ignored."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

__all__ = ["OURS", "Annotation", "Draft", "Result", "Task", "TaskPrediction"]

OURS = "counterfactual_studio"  # our part of a task's meta


class Result(BaseModel):
    """What a control of the labelling interface gave."""

    type: str = ""
    from_name: str = ""
    value: Any = None

    @property
    def choices(self) -> list[Any]:
        """The classes chosen for the whole picture."""
        if self.type != "choices" or not isinstance(self.value, dict) or "x" in self.value:
            return []
        chosen = self.value.get("choices") or []
        return chosen if isinstance(chosen, list) else [chosen]

    @property
    def empty(self) -> bool:
        """Whether it is a question that was left open."""
        given = self.value.get("choices") if isinstance(self.value, dict) else self.value
        return self.type == "choices" and not given

    @property
    def texts(self) -> list[str]:
        """What was written about the whole picture."""
        text = self.value.get("text") if isinstance(self.value, dict) else None
        some = text if isinstance(text, list) else [text]
        return [t for t in some if isinstance(t, str)] if self.type == "textarea" else []


class Work(BaseModel):
    """What annotations, drafts and predictions have in common."""

    id: Any = None
    result: list[Result]
    created_at: Any = None


class Annotation(Work):
    """What a person submitted or skipped; only our files have ``annotator``."""

    annotator: str | None = None
    completed_by: Any = None
    was_cancelled: bool | None = None
    ground_truth: bool | None = None
    lead_time: float | None = None
    updated_at: Any = None


class Draft(Work):
    """What a person has not submitted; beside an annotation, an edit of it."""

    user: Any = None
    annotation: Any = None
    lead_time: float | None = None


class TaskPrediction(Work):
    """A model's answer; only our files have the last two fields."""

    model_version: str | None = None
    score: float | None = None
    model_hash: str | None = None
    probabilities: dict[str, float] | None = None


class Task(BaseModel):
    """A picture with all answers about it; ``completions`` are old exports' annotations."""

    data: dict[str, Any]
    meta: dict[str, Any] | None = None
    annotations: list[Annotation | int] | None = None
    completions: list[Annotation | int] | None = None
    drafts: list[Draft | int] | None = None
    predictions: list[TaskPrediction | int] | None = None

    @property
    def ours(self) -> dict[str, Any]:
        """What only our files have."""
        found = (self.meta or {}).get(OURS)
        return found if isinstance(found, dict) else {}

    @property
    def submitted(self) -> list[Annotation | int]:
        """The annotations, under whichever name."""
        return self.annotations or self.completions or []

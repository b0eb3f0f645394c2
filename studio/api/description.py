"""What the routes are, for programs (OpenAPI) and people; and a sentence where there is none."""

# Annotations are evaluated here: FastAPI reads those of functions within a function.
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from backends.version import studio_version
from studio.templates import render
from studio.web.sentences import route

__all__ = ["described"]

SUMMARY = "Counterfactual explanations of image classifiers, and the labels of people."
LONGEST = 1_000_000  # bytes of a message to nowhere
PREFIXES = ("/api", "/labels")
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def described(routes: Sequence[BaseRoute]) -> list[BaseRoute]:
    """The routes, those of ``/api/openapi.json`` and ``/api/docs``, and a sentence for the rest."""
    router = APIRouter(include_in_schema=False, route_class=route(LONGEST))

    @router.get("/api/openapi.json")
    def openapi() -> dict[str, Any]:
        return get_openapi(
            title="Counterfactual Studio", version=studio_version(), summary=SUMMARY, routes=routes
        )

    @router.get("/api/docs", response_class=HTMLResponse)
    def page() -> str:
        # Not FastAPI's own page, which loads its script from another host.
        return render("api.html", "page", openapi())

    for prefix in PREFIXES:

        @router.api_route(f"{prefix}/{{rest:path}}", methods=VERBS)
        def nowhere(request: Request, rest: str) -> None:
            path = request.url.path
            there = openapi()["paths"].get(path)
            if there:
                verbs = ", ".join(sorted(verb.upper() for verb in there))
                raise HTTPException(405, f"{path} is asked by {verbs}")
            raise HTTPException(404, f"there is no {path}; /api/docs lists what there is")

    return [*routes, *router.routes]

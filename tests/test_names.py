"""One name, one class: a reader or a search finds what is meant."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Of these both are the field's own word where they stand, far apart.
TWICE = {"Annotator", "Box", "Level", "Response"}


def test_no_class_name_is_defined_twice():
    places = defaultdict(list)
    for path in [*(ROOT / "backends").rglob("*.py"), *(ROOT / "studio").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert {name: paths for name, paths in twice.items() if name not in TWICE} == {}

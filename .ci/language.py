"""Write the template of the page's catalogues, and bring every language's up to date with it.

``python .ci/language.py`` (``make language``) gathers all texts of the page: those marked in the
code, its templates and scripts, and those that methods, metrics, settings and bundles bring.
"""

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
LOCALE = ROOT / "studio" / "locale"
ERRORS = (
    "StudioError", "BadInput", "NotFound", "NoAnswer", "NotAllowed", "MissingPart", "OutOfMemory",
    "Unreachable", "StoreProblem",
)  # fmt: skip
KEYWORDS: dict[str, Any] = {
    "_": None, "N_": None, "Sentence": None, "joined": None, "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    **dict.fromkeys(ERRORS),
}  # fmt: skip
KINDS = {".py": "python", ".html": "jinja2", ".js": "javascript"}
# What only the command line, programs over HTTP and recipes of the bundles say, in English.
ENGLISH = (
    "backends/confined", "backends/conversion", "backends/evaluation/questions.py",
    "backends/evaluation/rows.py", "backends/evaluation/tuning.py", "backends/sentences.py",
    "backends/settings.py", "backends/training/data.py", "backends/training/digits.py",
    "backends/training/faces.py", "backends/training/fit.py", "backends/training/fitting.py",
    "backends/training/pictures.py", "studio/api", "studio/cli", "studio/engines/zero.py",
    "studio/labels/api.py", "studio/labels/management.py", "studio/ui/functions.py",
    "studio/ui/serving.py", "studio/web",
)  # fmt: skip
PLACEHOLDER = re.compile(r"\{[^}]*\}")
HEAD = "Texts of the Counterfactual Studio's page."


def template() -> Catalog:
    """All texts of the page, each with its places."""
    found = Catalog(project="counterfactual-studio", header_comment=f"# {HEAD}", charset="utf-8")
    brought = ((text, place, None) for text, place in _brought())
    for text, place, context in [*_marked(), *brought]:
        single = text if isinstance(text, str) else text[0]
        if any(letter.isalpha() for letter in PLACEHOLDER.sub("", single)):
            found.add(text, locations=[(place, 0)], context=context)
    return found


def updated(language: str, texts: Catalog) -> Catalog:
    """A language's catalogue with those texts; what is no longer said is dropped."""
    path = LOCALE / language / "LC_MESSAGES" / "studio.po"
    with path.open("rb") as file:
        found = read_po(file, locale=language)
    found.update(texts, no_fuzzy_matching=True)
    found.obsolete.clear()
    return found


def written(texts: Catalog) -> bytes:
    """A catalogue as its file has it: without dates and line numbers, which say nothing new."""
    content = BytesIO()
    write_po(
        content, texts, width=100, sort_output=True, include_lineno=False, omit_header=False,
    )  # fmt: skip
    lines = content.getvalue().splitlines(keepends=True)
    dated = (b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Generated-By', b'"Project-Id-Version')
    return b"".join(line for line in lines if not line.startswith(dated))


def _marked() -> Iterator[tuple[Any, str, str | None]]:
    """What is marked in files: text, or (one, many), the file, and the text's context."""
    for folder in ("backends", "studio"):
        for path in sorted((ROOT / folder).rglob("*")):
            place = path.relative_to(ROOT).as_posix()
            if path.suffix not in KINDS or place.startswith(ENGLISH):
                continue
            for _, text, _, context in extract_from_file(KINDS[path.suffix], path, KEYWORDS):
                yield text, place, context


def _brought() -> Iterator[tuple[str, str]]:
    """What registries bring: text, and what brings it."""
    from backends import registry
    from backends.bundles.manifest import Manifest
    from backends.metrics import METRICS
    from backends.regions.settings import AutoRegion, WordRegion
    from backends.service.bundles import _presets
    from backends.training.new_settings import NewConfig
    from backends.training.retrain_settings import Retraining
    from studio.labels.store.records import Setup

    for name in registry.METHODS:
        method = registry.method(name)
        for text in (method.title, method.summary, method.strengths, method.costs):
            yield text, f"method {name}"
        for preset in _presets(method).values():
            yield preset["title"], f"method {name}"
        yield from _settings(method.Config, f"method {name}")
    for name, metric in METRICS.items():
        words = ("title", "unit", "meaning", "good", "bad", "short")
        for text in filter(None, (getattr(metric, word) for word in words)):
            yield text, f"metric {name}"
    for config in (AutoRegion, WordRegion, NewConfig, Retraining, Setup):
        yield from _settings(config, f"settings {config.__name__}")
    for folder in sorted((ROOT / "assets").glob("*/bundle.json")):
        manifest = Manifest.model_validate_json(folder.read_bytes())
        place = f"bundle {manifest.name}"
        yield from ((text, place) for text in (manifest.title, manifest.description) if text)
        for part in manifest.parts.values():
            if part.property:
                yield from ((text, place) for text in (part.property.title, part.property.unit))


def _settings(config: Any, place: str) -> Iterator[tuple[str, str]]:
    for field in config.model_json_schema()["properties"].values():
        words = [field.get("title"), field.get("description"), *map(str, field.get("enum", []))]
        if field.get("type") == "string":
            words.append(field.get("default"))
        yield from ((word, place) for word in words if word)


def main() -> None:
    """Write them all, and say what is missing where."""
    texts = template()
    (LOCALE / "studio.pot").write_bytes(written(texts))
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/studio.po")):
        found = updated(path.parts[-3], texts)
        path.write_bytes(written(found))
        missing = [message.id for message in found if message.id and not message.string]
        print(f"{path.parts[-3]}: {len(found)} texts, {len(missing)} not yet translated")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()

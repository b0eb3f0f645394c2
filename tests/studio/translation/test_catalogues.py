"""The catalogues hold every text of the page, each with its translation."""

import ast
import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from studio.translation import ENGLISH, LANGUAGES, N_, _, ngettext, script_texts, speaking
from studio.translation.catalogues import catalogue

ROOT = Path(__file__).parent.parent.parent.parent
OTHERS = [name for name in LANGUAGES if name != ENGLISH]
PLACEHOLDER = re.compile(r"\{\w*(?:![rs])?(?::[^}]*)?\}")
CODE = [*(ROOT / "backends").rglob("*.py"), *(ROOT / "studio").rglob("*.py")]


@pytest.fixture(scope="module")
def gathering():
    spec = importlib.util.spec_from_file_location("language", ROOT / ".ci/language.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def template(gathering):
    return gathering.template()


def pairs(name):
    """Every text with its translation, one and many apart."""
    for message in catalogue(name):
        if message.id:
            single = isinstance(message.id, str)
            ids = (message.id,) if single else message.id
            yield from zip(ids, (message.string,) if single else message.string, strict=True)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(attrs)))


def test_a_second_language_is_there():
    assert "de" in LANGUAGES


@pytest.mark.slow
def test_files_are_what_make_language_writes(gathering, template):
    told = "run: make language"
    assert (gathering.LOCALE / "studio.pot").read_bytes() == gathering.written(template), told
    for name in OTHERS:
        file = gathering.LOCALE / name / "LC_MESSAGES" / "studio.po"
        assert file.read_bytes() == gathering.written(gathering.updated(name, template)), told


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_lacks_a_translation(name):
    assert [text for text, translation in pairs(name) if not translation] == []
    assert [message.id for message in catalogue(name) if message.fuzzy and message.id] == []


@pytest.mark.parametrize("name", OTHERS)
def test_translations_have_the_same_placeholders_and_tags(name):
    for text, translation in pairs(name):
        expected = sorted(PLACEHOLDER.findall(text))
        assert sorted(PLACEHOLDER.findall(translation)) == expected, text
        assert sorted(Tags(translation).found) == sorted(Tags(text).found), text
        # They stand in attributes, and beside other texts.
        assert translation.count('"') == text.count('"'), text
        edges = text[:1].isspace(), text[-1:].isspace()
        assert (translation[:1].isspace(), translation[-1:].isspace()) == edges, text


@pytest.mark.parametrize("name", OTHERS)
def test_texts_without_a_translation_stay_english(name):
    with speaking(name):
        assert _("never said anywhere {count}", count=3) == "never said anywhere 3"
        assert _("braces {stay} without values") == "braces {stay} without values"


def test_german():
    with speaking("de"):
        assert _("step {step} of {total}", step=2, total=3) == "Schritt 2 von 3"
        assert _(N_("Stopped.")) == "Gestoppt."
        text = N_("{verdict}, from a file", verdict=N_("flipped"))
        assert _(text) == "umgeschlagen, aus einer Datei"
        words = ("{total} pictures in {count} class, taken as {colours}: {named}.",
                 "{total} pictures in {count} classes, taken as {colours}: {named}.")  # fmt: skip
        assert " 2 Klassen" in ngettext(*words, 2, total=5, colours="grau", named="a, b")
    assert _("Stopped.") == "Stopped."


def test_scripts_have_their_texts():
    texts = script_texts("de")
    assert texts["nothing marked"] == "nichts markiert"
    assert "Which method?" not in texts
    said = set()
    for file in (ROOT / "studio/ui/static").glob("*.js"):
        said |= set(re.findall(r'\b_\("([^"]+)"', file.read_text()))
    assert said
    assert said <= set(texts)


def test_errors_keep_their_template():
    """An f-string would be English in every language."""
    kinds = {"StudioError", "BadInput", "NotFound", "NotAllowed", "MissingPart", "OutOfMemory",
             "Unreachable", "StoreProblem", "Sentence", "_", "N_"}  # fmt: skip
    written = [
        (path.relative_to(ROOT), node.lineno)
        for path in CODE if "cli" not in path.parts and path.stem != "sentences"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in kinds and node.args
        and any(isinstance(part, ast.JoinedStr) for part in ast.walk(node.args[0]))
    ]  # fmt: skip
    assert written == []


def scope(function):
    """The nodes of a function, without those of functions and comprehensions inside it."""
    waiting = list(ast.iter_child_nodes(function))
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp,
             ast.DictComp, ast.GeneratorExp)  # fmt: skip
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, inner):
            waiting += ast.iter_child_nodes(node)


def test_nothing_else_is_called_like_the_translation():
    """``for _ in …`` would hide the function ``_`` in the rest of its function."""
    for path in CODE:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                nodes = [node for node in scope(function) if getattr(node, "id", "") == "_"]
                called = {
                    node.func for node in scope(function) if isinstance(node, ast.Call)
                } & set(nodes)  # fmt: skip
                stored = [node for node in nodes if isinstance(node.ctx, ast.Store)]
                assert not (called and stored), (path.relative_to(ROOT), function.name)

"""How to repeat a run: in Python, on the command line, and by programs that ask a studio.

They read ``factual.png`` and ``region.png``, which lie beside every result.json.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from backends.sentences import Sentence
from studio.export.document import Snippet

__all__ = ["ADDRESS", "repeat", "repeat_comparison"]

ADDRESS = "http://127.0.0.1:7860"  # where a studio usually runs
WIDTH = 88
FACTUAL, REGION = "factual.png", "region.png"
ASKED = ("target", "bundle", "model", "method", "seed")


def repeat(record: Mapping[str, Any], address: str = ADDRESS) -> list[Snippet]:
    """A snippet each for the library, the command line, gradio's client and HTTP.

    :param record: the content of result.json.
    :param address: of a studio.
    """
    return [
        Snippet("Python", _library(record)),
        Snippet(
            Sentence("Command line"),
            _command(record, record["method"], record["seed"], _settings(record), "again"),
        ),
        Snippet(Sentence("Client of a running studio"), _client(record, address)),
        Snippet("HTTP", _http(record, address)),
    ]


def repeat_comparison(
    record: Mapping[str, Any],
    answers: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
    models: Sequence[str] = (),
) -> list[Snippet]:
    """A snippet each for the library and the command line.

    :param record: of one of the answers, for the question.
    :param answers: of each answer its record, and the settings that were given.
    :param models: names of the two models that were asked or heard, where there were two.
    """
    methods = list(dict.fromkeys(one["method"] for one, _given in answers))
    seeds = list(dict.fromkeys(one["seed"] for one, _given in answers))
    variants: dict[str, list[Mapping[str, Any]]] = {}
    for one, given in answers:
        ways = variants.setdefault(one["method"], [])
        if given and given not in ways:
            ways.append(given)
    variants = {method: ways for method, ways in variants.items() if ways}
    first, *second = models or (record["model"],)
    asked = {**record, "model": first}
    words = [*_arguments(asked), f"methods={methods!r}", "seed=seed"]
    words += _dictionary("variants", variants)
    words += [f"second_model={name!r}" for name in second]
    library = [
        "import counterfactual_studio as cs", "", f"for seed in {seeds!r}:",
        _call("    found = cs.compare(", words, "    "), '    found.save(f"again/seed{seed}")',
    ]  # fmt: skip
    options = [_option("--set", text) for text in _varied(variants)]
    options += [_option("--second-model", name) for name in second]
    commands = [
        _command(asked, ",".join(methods), seed, {}, f"again/seed{seed}", options)
        for seed in seeds
    ]  # fmt: skip
    return [
        Snippet("Python", "\n".join(library)),
        Snippet(Sentence("Command line"), "\n".join(commands)),
    ]


def _varied(variants: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """``method.key=v1,v2``, as :func:`studio.runs.variants.variants_in` reads it."""
    return [
        f"{method}.{key}={','.join(dict.fromkeys(_plain(way[key]) for way in ways))}"
        for method, ways in variants.items() for key in ways[0]
    ]  # fmt: skip


def _masked(record: Mapping[str, Any]) -> bool:
    """Whether the region is a part of the picture, which its mask says exactly."""
    return bool(record["region"]["area"] < 1)


def _settings(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record["settings"].items() if value is not None}


def _library(record: Mapping[str, Any]) -> str:
    words = [*_arguments(record), f"method={record['method']!r}", f"seed={record['seed']}"]
    call = _call("answer = cs.explain(", words + _dictionary("settings", _settings(record)))
    return f'import counterfactual_studio as cs\n\n{call}\nanswer.save("again")'


def _arguments(record: Mapping[str, Any]) -> list[str]:
    """The question, as arguments of the library."""
    words = [repr(record["model"]), repr(FACTUAL), f"target={record['target']!r}",
             f"prior={record['bundle']!r}"]  # fmt: skip
    if _masked(record):
        words.append(f"mask={REGION!r}")
    if "importance" in record:
        words.append("importance=True")
    return words


def _command(
    record: Mapping[str, Any], method: str, seed: int, settings: Mapping[str, Any], out: str,
    further: Sequence[str] = (),
) -> str:  # fmt: skip
    words = [_option("--bundle", record["bundle"]), _option("--target", record["target"])]
    if record["model"] != "classifier":
        words.append(_option("--model", record["model"]))
    if _masked(record):
        words.append(_option("--region", f"mask:{REGION}"))
    if "importance" in record:
        words.append("--importance")
    words += [_option("--method", method), _option("--seed", str(seed))]
    words += [_option("--set", f"{name}={_plain(value)}") for name, value in settings.items()]
    words += [*further, _option("--out", out)]
    return _shell([f"python -m studio explain {FACTUAL}", *words])


def _client(record: Mapping[str, Any], address: str) -> str:
    words = [f"image=handle_file({FACTUAL!r})"]
    if _masked(record):
        words.append(f"mask=handle_file({REGION!r})")
    words += [f"{name}={record[name]!r}" for name in ASKED]
    words += [*_dictionary("settings", _settings(record)), "api_name='/explain'"]
    call = _call("record, files = client.predict(", words)
    return (
        "from gradio_client import Client, handle_file\n\n"
        f"client = Client({address!r})\n{call}\nprint(record['status'], files)"
    )


def _http(record: Mapping[str, Any], address: str) -> str:
    words = [_option("-F", f"image=@{FACTUAL}")]
    if _masked(record):
        words.append(_option("-F", f"mask=@{REGION}"))
    # Not -F, which would read a file where a value begins with @ or <.
    words += [_option("--form-string", f"{name}={record[name]}") for name in ASKED]
    words.append(_option("--form-string", f"settings={json.dumps(_settings(record))}"))
    return _shell(["curl", *words, "-o again.zip", f"'{address}/api/explain?as=zip'"])


def _plain(value: Any) -> str:
    """A setting as the command line reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def _dictionary(name: str, values: Mapping[str, Any]) -> list[str]:
    """``name={...}`` in pieces, between which a line may break."""
    if not values:
        return []
    first, *others = (f"{key!r}: {value!r}" for key, value in values.items())
    pieces = [f"{name}={{{first}", *others]
    return [*pieces[:-1], pieces[-1] + "}"]


def _call(head: str, words: Sequence[str], indent: str = "") -> str:
    lines = _filled([f"{word}," for word in words])
    return "\n".join([head, *(f"{indent}    {line}" for line in lines), f"{indent})"])


def _option(name: str, value: str) -> str:
    """An option for a POSIX shell; a value that looks like an option must not be read as one."""
    return f"{name}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}"


def _shell(words: Sequence[str]) -> str:
    return " \\\n  ".join(_filled(words))


def _filled(words: Sequence[str]) -> list[str]:
    """Lines of words, no longer than ``WIDTH`` where the words allow it."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines

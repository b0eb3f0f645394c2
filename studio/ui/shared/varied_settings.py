"""Which settings a method is asked with several values of: ticked from suggestions, or typed as the
command line's ``--set``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from backends import service
from backends.errors import StudioError
from backends.service.bundles import MethodInfo
from studio.export.labels import settings_text, value_text
from studio.runs.variants import LONGEST, SuggestedSetting, suggestions, variants_in, words_in
from studio.translation import N_, _
from studio.ui.shared import form, markup
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import sentence, show_errors
from studio.ui.shared.unchecked import a_text, some_texts

__all__ = ["VariedSettings"]

HELP = N_("Nothing is varied: each method has its usual settings.")


class VariedSettings:
    """A folded panel, laid out inside the current Blocks.

    :param prefix: of the controls' ids.
    :param picked: the group of boxes that chooses methods; one whose settings are ticked is ticked
        there, too.
    :ivar words: what is chosen or typed, as :func:`studio.runs.variants.words_in` reads it.
    """

    def __init__(self, controllers: Controllers, prefix: str, picked: gr.CheckboxGroup) -> None:
        self._controllers, self._picked = controllers, picked
        self._shown = gr.State(controllers.first.bundle)
        first = self._offered(controllers.first.bundle)
        with gr.Accordion(_("Vary settings"), open=False, elem_id=f"{prefix}-vary"):
            with gr.Row():
                self._method = gr.Dropdown(
                    first["methods"], value=first["method"], label=_("Method"), filterable=False,
                    elem_id=f"{prefix}-vary-method", interactive=True, min_width=160,
                )  # fmt: skip
                self._setting = gr.Dropdown(
                    first["settings"], value=first["setting"], label=_("Setting"),
                    filterable=False, elem_id=f"{prefix}-vary-setting", interactive=True,
                    min_width=160,
                )  # fmt: skip
                self._values = gr.CheckboxGroup(
                    first["values"], value=[], label=_("Values to try"), info=first["info"],
                    elem_id=f"{prefix}-vary-values", interactive=True, scale=2, min_width=260,
                )  # fmt: skip
            self._told = gr.HTML(markup.hint(_(HELP)), elem_id=f"{prefix}-vary-told")
            self.words = gr.Textbox(
                "", label=_("The same, typed"), placeholder="rcsb.steps=50,100,200",
                info=_("method.setting=value,value; of several lines, every combination is asked"),
                elem_id=f"{prefix}-settings", lines=1, max_lines=6,
                max_length=LONGEST,
            )  # fmt: skip

    def wire(self) -> None:
        """Let the controls act."""
        # Unchecked: while a bundle is opened, a control may still have a choice of the one before.
        asked = [self._shown, self._method, self._setting, self.words]
        self._method.input(
            self._another_method, [self._shown, self._method, self.words],
            [self._setting, self._values], queue=False, preprocess=False, **QUIET,
        )  # fmt: skip
        self._setting.input(
            self._another_setting, asked, self._values, queue=False, preprocess=False, **QUIET
        )
        self._values.input(
            self._ticked, [*asked, self._values, self._picked],
            [self.words, self._picked, self._told], queue=False, preprocess=False, **QUIET,
        )  # fmt: skip
        self.words.blur(
            self._typed, asked, [self._values, self._told], queue=False, preprocess=False, **QUIET
        )

    def opened(self, bundle: str) -> dict[Any, Any]:
        """Updates for another bundle: nothing is varied."""
        now = self._offered(bundle)
        return {
            self._shown: bundle, self.words: "", self._told: markup.hint(_(HELP)),
            self._method: gr.update(choices=now["methods"], value=now["method"]),
            self._setting: gr.update(choices=now["settings"], value=now["setting"]),
            self._values: gr.update(choices=now["values"], value=[], info=now["info"]),
        }  # fmt: skip

    @property
    def places(self) -> list[Any]:
        """What :meth:`opened` fills."""
        return [
            self._shown, self.words, self._told, self._method, self._setting, self._values,
        ]  # fmt: skip

    # ------------------------------------------------------------------ what can be varied

    def _able(self, bundle: str) -> dict[str, MethodInfo]:
        methods = self._controllers[bundle].methods()
        return {name: entry for name, entry in methods.items() if suggestions(entry["schema"])}

    def _offered(self, bundle: str, method: str = "", setting: str = "") -> dict[str, Any]:
        """Choices of the three controls, the first of each taken where none is said."""
        able = self._able(bundle)
        methods = form.method_choices(able)
        method = method if method in able else (methods[0][1] if methods else "")
        found = suggestions(able[method]["schema"]) if method else {}
        setting = setting if setting in found else next(iter(found), "")
        one = found.get(setting)
        return {
            "methods": methods, "method": method or None, "setting": setting or None,
            "settings": [(_(s.title), name) for name, s in found.items()],
            "values": [_choice(value, one) for value in one.values] if one else [],
            "info": _(one.description) if one else "",
        }  # fmt: skip

    def _another_method(self, bundle: str, method: Any, words: Any) -> dict[Any, Any]:
        with show_errors():
            now = self._offered(bundle, a_text(method))
            chosen = {self._setting: gr.update(choices=now["settings"], value=now["setting"])}
            return chosen | self._ticks(bundle, a_text(method), now["setting"] or "", words)

    def _another_setting(
        self, bundle: str, method: Any, setting: Any, words: Any
    ) -> dict[Any, Any]:
        with show_errors():
            return self._ticks(bundle, a_text(method), a_text(setting), words)

    def _ticks(self, bundle: str, method: str, setting: str, words: Any) -> dict[Any, Any]:
        now = self._offered(bundle, method, setting)
        ticks = _values_of(a_text(words), method, now["setting"] or "")
        offered = [value for _label, value in now["values"]]
        return {
            self._values: gr.update(
                choices=now["values"], value=[v for v in ticks if v in offered], info=now["info"]
            )
        }

    def _ticked(
        self, bundle: str, method: Any, setting: Any, words: Any, values: Any, picked: Any
    ) -> dict[Any, Any]:
        with show_errors():
            return self._worded(
                bundle, a_text(method), a_text(setting), a_text(words), some_texts(values),
                some_texts(picked),
            )  # fmt: skip

    def _worded(
        self, bundle: str, method: str, setting: str, words: str, values: Sequence[str],
        picked: Sequence[str],
    ) -> dict[Any, Any]:  # fmt: skip
        """The words of a setting whose values were ticked, in the suggested order; the others
        stay."""
        offered = [value for _label, value in self._offered(bundle, method, setting)["values"]]
        chosen = [value for value in offered if value in values]
        chosen += [v for v in _values_of(words, method, setting) if v not in offered]
        key = f"{method}.{setting}"
        others = [word for word in words_in(words) if _key(word) != key]
        said = "\n".join([*others, f"{key}={','.join(chosen)}"] if chosen else others)
        both = picked if method in picked or not chosen else [*picked, method]
        return {self.words: said, self._picked: both, self._told: self._says(bundle, said)}

    def _typed(self, bundle: str, method: Any, setting: Any, words: Any) -> dict[Any, Any]:
        ticks = self._another_setting(bundle, method, setting, words)
        return ticks | {self._told: self._says(bundle, a_text(words))}

    def _says(self, bundle: str, words: str) -> str:
        """What the words mean, or why they mean nothing."""
        able = self._controllers[bundle].methods()
        try:
            variants = variants_in(words_in(words), list(able))
            for name, rows in variants.items():
                for row in rows:
                    service.typed_settings(bundle, name, row)
        except StudioError as error:
            return markup.notice("warning", sentence(error))
        if not variants:
            return markup.hint(_(HELP))
        return markup.hint(" ".join(_told(able[name], rows) for name, rows in variants.items()))


def _told(entry: MethodInfo, rows: Sequence[Mapping[str, Any]]) -> str:
    ways = [settings_text(row, entry["schema"]) for row in rows]
    return _(
        "{title}, {count} times: {ways}.", title=_(entry["title"]), count=len(ways),
        ways="; ".join(ways),
    )  # fmt: skip


def _choice(value: Any, of: SuggestedSetting) -> tuple[str, str]:
    """Label of a value, and how it is typed."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    label = value_text(value)
    return (_("{value} (usual)", value=label) if value == of.default else label), text


def _key(word: str) -> str:
    return word.partition("=")[0].strip()


def _values_of(words: str, method: str, setting: str) -> list[str]:
    """The values that words give a method's setting."""
    found = [word for word in words_in(words) if _key(word) == f"{method}.{setting}"]
    return [value.strip() for word in found for value in word.partition("=")[2].split(",")]

"""The templates, and what they may call."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.runtime import Context
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template.config import TemplateConfig

from service.console import charts, pieces, wording
from service.console.static_files import VERSION
from service.evidence.case import KINDS


class _Context(Context):
    """What a template is rendered with; it calls functions and macros directly.

    The library's looks each time whether they want the context. None of ours does, and a page
    calls hundreds.
    """

    def call(
        self,
        function: Any,  # noqa: ANN401 - the library's
        /,
        *args: Any,  # noqa: ANN401
        _loop_vars: object = None,
        _block_vars: object = None,
        **named: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Call what stands before parentheses; what only a context would see is dropped."""
        return function(*args, **named)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("service.console"),
        # every template, whatever its name: bodies are written by strangers
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.context_class = _Context
    for function in (
        wording.money, wording.figure, wording.number, wording.counted, wording.percent,
        wording.words, wording.day, wording.moment, wording.ago, wording.size,
        wording.label, wording.plain, wording.tone, wording.as_json,
        wording.untimed, wording.timed, wording.position,
    ):  # fmt: skip
        made.filters[function.__name__] = function
    made.globals |= {
        "verdicts": wording.VERDICTS,
        "marks": wording.MARKS,
        "version": VERSION,
        "bars": charts.bars,
        "pieces": pieces,
        "evidence_kinds": KINDS,
    }
    return made


TEMPLATES = TemplateConfig(instance=JinjaTemplateEngine.from_environment(_environment()))
"""For the application: autoescaped, and an unknown name is an error."""

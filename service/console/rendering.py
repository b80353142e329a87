"""The templates, and what they may call."""

from collections.abc import Callable, MutableMapping
from types import CodeType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
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


class _Template(Template):
    """A template whose pieces are escaped to plain text, by ``wording.escaped``."""

    @classmethod
    def from_code(
        cls,
        environment: Environment,
        code: CodeType,
        globals: MutableMapping[str, Any],  # noqa: A002 - the library's name
        uptodate: Callable[[], bool] | None = None,
    ) -> Template:
        """Load a compiled template."""
        made = super().from_code(environment, code, globals, uptodate)
        made.root_render_func.__globals__["escape"] = wording.escaped
        return made


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
    made.context_class, made.template_class = _Context, _Template
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

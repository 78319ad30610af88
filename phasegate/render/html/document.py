"""`report.html`: one file, no network; the page that a release is signed on.

Without JavaScript it has all but the rows beyond the first of long tables, and says where those are.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasegate.base.facts import Fact
from phasegate.base.units import format_seconds
from phasegate.model.result import RunResult
from phasegate.render.failures import MOST_CAUSES
from phasegate.render.hostile import LONGEST, anchor, evidence_href, excerpt, is_download, show
from phasegate.render.html import charts, palette
from phasegate.render.html.folding import MOST_ROWS, pack
from phasegate.render.html.page import MOST_EVIDENCE, moment, page_of
from phasegate.render.sentences import sentence
from phasegate.render.words import full_expression, is_command

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


def render(run: RunResult) -> str:
    """The whole document. Styles and script are the only ones its own security policy lets run."""
    environment = _environment()
    style = _style(run.run)
    script = _source(environment, "report.js")
    return environment.get_template("report.html").render(
        page=page_of(run),
        run=run,
        style=_markup(style),
        script=_markup(script),
        policy="default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_source_hash(style)}; script-src {_source_hash(script)}",
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from phasegate.render.html.compiled import CompiledTemplates

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        bytecode_cache=CompiledTemplates(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        anchor=lambda name, prefix: anchor(prefix, name),
        excerpt=lambda text, lines, width=300: excerpt(text, lines=lines, width=width),
        full_expression=full_expression,
        href=evidence_href,
        moment=moment,
        packed=lambda rows: _markup(pack(rows)),
        sentence=sentence,
        seconds=lambda value: "" if value is None else format_seconds(value),
        thousands=lambda value: f"{value:,}",
    )
    environment.tests["command"] = is_command
    environment.tests["download"] = is_download
    environment.globals.update(
        charts=charts, most_causes=MOST_CAUSES, most_evidence=MOST_EVIDENCE, most_rows=MOST_ROWS
    )
    return environment


def _finalize(value: Any) -> Any:
    """Applied to every value that a template puts out, so that none reaches the page as it came."""
    if type(value) is str and len(value) <= LONGEST and value.isprintable():
        return value
    if hasattr(value, "__html__"):
        return value
    return "" if value is None else show(sentence(value) if isinstance(value, Fact) else str(value))


def _style(run: str) -> str:
    # Nothing is left out: what stands between letters may keep a secret apart.
    foot = re.sub(r"[^A-Za-z0-9_.:-]", "-", run)
    print_foot = f'@page{{@bottom-left{{content:"phasegate run {foot}"}}}}\n'
    return palette.css() + _source(_environment(), "report.css") + print_foot


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _markup(text: str) -> Any:
    """Our own style and script, which must not be escaped."""
    from markupsafe import Markup

    return Markup(text)


def _source_hash(source: str) -> str:
    """The source expression of a content security policy that admits exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"

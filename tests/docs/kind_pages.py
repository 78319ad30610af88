"""Parameters and measures of every kind, written into its page: `python -m tests.docs.kind_pages`."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from phasegate.base.fields import Closed, default_text, field_docs
from phasegate.cli.kinds import describe
from phasegate.cli.shapes import shape
from phasegate.http.expectations.expectation import Expect
from phasegate.http.suites.suite import Suite
from phasegate.kinds import KINDS
from phasegate.render.rules import rule_texts
from tests.docs.pages import DOCS

OWN_PAGE = (Expect, Suite)
"""Models that `docs/suites.md` describes."""
_SECTION = re.compile(r"(<!-- kind (\w+)(?: (\w+))? -->\n).*?(<!-- /kind -->)", re.DOTALL)


INDEX = DOCS / "kinds" / "index.md"


def page_of(kind: str) -> Path:
    return DOCS / "kinds" / f"{kind}.md"


def own_kinds() -> list[str]:
    return [name for name, kind in KINDS.items() if kind.package is None]


def with_sections(text: str) -> str:
    """A page with what stands between its markers written anew."""
    return _SECTION.sub(lambda match: match[1] + section(match[2], match[3] or "") + match[4], text)


def overview() -> str:
    """The table of all kinds."""
    lines = ["| kind | observes | main measures | default criteria |", "|---|---|---|---|"]
    for name in own_kinds():
        about = describe(name)
        captured = about["example"].get("measures", {})
        measures = _in_code(measure for measure in about["measures"] if measure not in captured)
        more = ", and what it captures" if captured else ""
        lines.append(
            f"| [`{name}`]({name}.md) | {about['about']} | {measures}{more} | {_in_code(about['defaults'])} |"
        )
    return "\n".join(lines) + "\n"


def with_overview(text: str) -> str:
    return re.sub(
        r"(<!-- kinds -->\n).*?(<!-- /kinds -->)",
        lambda match: match[1] + overview() + match[2],
        text,
        flags=re.S,
    )


def _in_code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def section(name: str, variant: str = "") -> str:
    """Parameters, measures and default criteria of a kind, or of a variant of it, as Markdown."""
    kind, about = KINDS[name], describe(name)
    if variant:
        kind, about = kind.variants[variant], about[f"{kind.chooser}s"][variant]
    lines = ["", "**Parameters**, beside [those of every check](../plan.md#checks):", ""]
    lines += _parameters(about["parameters"])
    for parameter, model in _nested(kind.Params):
        lines += ["", f"`{parameter}` has:", "", *_parameters(_facts(model))]
    lines += ["", "**Measures**:", "", "| measure | type | what it is |", "|---|---|---|"]
    captured = about["example"].get("measures", {})
    for measure, facts in about["measures"].items():
        if measure not in captured:
            lines.append(f"| `{measure}` | {facts['type']} | {_cell(facts['about'])} |")
    lines += ["", f"**Default criteria**: {_in_code(about['defaults'])}", ""]
    if kind.rules():
        lines += [
            "**Rules**:",
            "",
            "| rule | severity | looked at | what would be right |",
            "|---|---|---|---|",
        ]
        for rule in kind.rules():
            right = _cell(rule_texts(rule.id)[1])
            about_it = f"{_cell(rule.about)} ([source]({rule.source}))"
            lines.append(f"| `{rule.id}` | {rule.severity.value} | {about_it} | {right} |")
        lines.append("")
    return "\n".join(lines) + "\n"


def models_of(name: str) -> set[type[Closed]]:
    """The models that the parameters of a kind hold, those of its variants included."""
    kinds = [KINDS[name], *KINDS[name].variants.values()]
    return {model for kind in kinds for _, model in _nested(kind.Params)}


def _parameters(facts: dict[str, Any]) -> list[str]:
    lines = ["| parameter | type | default | what it is |", "|---|---|---|---|"]
    for name, fact in facts.items():
        default = "required" if fact["required"] else f"`{fact['default']}`" if fact["default"] else ""
        lines.append(f"| `{name}` | {_cell(fact['type'])} | {default} | {_cell(fact['about'])} |")
    return lines


def _facts(model: type[Closed]) -> dict[str, Any]:
    """The keys of a model in the shape that `describe` gives those of a kind."""
    docs, schema = field_docs(model), model.model_json_schema(by_alias=True)
    while "properties" not in schema:
        schema = {**schema, **next(one for one in schema["anyOf"] if "properties" in one)}
    written, definitions = schema["properties"], schema.get("$defs", {})
    return {
        field.alias or name: {
            "required": field.is_required(),
            "type": shape(written[field.alias or name], definitions),
            "default": default_text(field),
            "about": " ".join(docs.get(name, "").split()),
        }
        for name, field in model.model_fields.items()
    }


def _nested(params: type[Closed]) -> Iterator[tuple[str, type[Closed]]]:
    """Parameters that hold models of their own, with the model."""
    for name, field in params.model_fields.items():
        for model in _models_in(field.annotation):
            if not issubclass(model, OWN_PAGE):
                yield field.alias or name, model


def _models_in(annotation: Any) -> Iterator[type[Closed]]:
    if isinstance(annotation, type) and issubclass(annotation, Closed):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    INDEX.write_text(with_overview(INDEX.read_text(encoding="utf-8")), encoding="utf-8")
    for kind in own_kinds():
        page = page_of(kind)
        page.write_text(with_sections(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""`phasegate kinds`: what can be checked, and what a criterion may speak about."""

from __future__ import annotations

import json
from typing import Any

import typer

from phasegate.base.errors import UsageError
from phasegate.cli.console import put


def kinds(
    kind: str | None = typer.Argument(None, metavar="KIND", help="One kind, described in full."),
    rules: bool = typer.Option(False, "--rules", help="List what a kind that looks at files looks for."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List the check kinds, or describe one.

    A description has the parameters, measures, default criteria and an example.
    """
    from phasegate.kinds import KINDS, every_kind, overview

    if kind is not None and kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}", help=f"kinds are {', '.join(KINDS)}")
    if rules:
        put(_rules(kind))
    elif as_json:
        names = [kind] if kind else list(every_kind())
        put(json.dumps({name: describe(name) for name in names}, indent=2) + "\n")
    elif kind:
        put(_page(kind) + "\n")
    else:
        abouts = overview()
        width = max(map(len, abouts))
        lines = [f"{name:<{width}}  {about}" for name, about in abouts.items()]
        put("\n".join([*lines, "", "phasegate kinds KIND describes one, with an example", ""]))


def _rules(name: str | None) -> str:
    """Errors: UsageError for a kind without rules."""
    from phasegate.kinds import KINDS
    from phasegate.render.rules import rule_texts

    found = KINDS[name].rules() if name else ()
    if not found:
        raise UsageError("--rules lists the rules of one kind that looks at files", help="name the kind")
    lines = []
    for rule in found:
        right = rule_texts(rule.id)[1]
        lines += [
            f"{rule.id} ({rule.severity.value})",
            f"    {rule.about}",
            *([f"    right: {right}"] if right else []),
            f"    {rule.source}",
        ]
    return "\n".join([*lines, ""])


def describe(name: str) -> dict[str, Any]:
    """What `--json` prints of a kind."""
    from phasegate.kinds import KINDS
    from phasegate.kinds.foreign import blame

    kind = KINDS[name]
    with blame(kind, what="description"):
        about = _describe(kind)
    if kind.package is not None:
        about["package"] = {"name": kind.package.name, "version": kind.package.version}
    if kind.variants:
        others = {value: _describe(variant) for value, variant in kind.variants.items()}
        about[f"{kind.chooser}s"] = others
    return about


def _describe(kind: Any) -> dict[str, Any]:
    from phasegate.base.fields import default_text, field_docs
    from phasegate.cli.shapes import shape

    params = _example_params(kind)
    docs = field_docs(kind.Params)
    schema = kind.Params.model_json_schema(by_alias=True)
    written, definitions = schema["properties"], schema.get("$defs", {})
    return {
        "about": kind.about,
        "measures": {
            measure: {"type": spec.type.value, "dimension": spec.dimension.value, "about": spec.about}
            for measure, spec in kind.measures(params).items()
        },
        "defaults": list(kind.defaults(params)),
        "parameters": {
            field.alias or field_name: {
                "required": field.is_required(),
                "type": shape(written[field.alias or field_name], definitions),
                "default": default_text(field),
                "about": " ".join(docs.get(field_name, "").split()),
            }
            for field_name, field in kind.Params.model_fields.items()
        },
        "example": dict(kind.example),
    }


def _example_params(kind: Any) -> Any:
    """The parameters of the kind's example; files that it names are not looked for."""
    from pydantic import ValidationError

    try:
        return kind.Params.model_validate(dict(kind.example))
    except ValidationError:
        # The content of a named file is missing, and no measure depends on it.
        return kind.Params.model_construct(**{**_defaults(kind.Params), **kind.example})


def _defaults(model: Any) -> dict[str, Any]:
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
        if not field.is_required()
    }


def _page(name: str) -> str:
    from phasegate.kinds import KINDS, package_note

    kind, about = KINDS[name], describe(name)
    lines = [f"{name}: {about['about']}{package_note(kind)}", "", *_section(name, about)]
    for value, other in about.get(f"{kind.chooser}s", {}).items():
        lines += ["", f"{name} with {kind.chooser}: {value}: {other['about']}", "", *_section(name, other)]
    return "\n".join(lines)


def _section(name: str, about: dict[str, Any]) -> list[str]:
    import yaml

    lines = ["parameters"]
    width = max(map(len, about["parameters"]))
    for parameter, facts in about["parameters"].items():
        need = "required" if facts["required"] else f"default {facts['default']}" if facts["default"] else ""
        lines.append(f"  {parameter:<{width}}  {facts['type']}{f' ({need})' if need else ''}")
        if facts["about"]:
            lines.append(f"  {'':<{width}}    {facts['about']}")
    lines += ["", "measures"]
    width = max(map(len, about["measures"]))
    for measure, facts in about["measures"].items():
        lines.append(f"  {measure:<{width}}  {facts['type']:<12}  {facts['about']}")
    lines += ["", "default criteria", *(f"  {text}" for text in about["defaults"]), "", "example"]
    example = yaml.safe_dump(
        [{"id": f"my-{name}", "kind": name, **about["example"]}], sort_keys=False, allow_unicode=True
    )
    return [*lines, *(f"  {line}" for line in example.rstrip().splitlines())]

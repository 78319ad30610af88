"""`phasegate init`: a small plan that works, to start from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import typer

from phasegate.base.errors import PlanError, UsageError
from phasegate.cli.console import make_console

_MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
_PLAN = """\
phasegate: 1
phase: {phase}
title: {title}

target:
  default: service
  external:
    service: {{url: {url}}}

steps:
  - id: alive
    title: The service answers
    checks:
      - id: up
        kind: health
        url: {path}
        probes: 100
        criteria:
          - success_rate == 100%          # of the probes of this run
          - latency.p95 < 500ms           # 59 good answers are the least that can show a p95

  - id: load
    title: The service keeps answering under load
    checks:
      - {{id: steady, kind: load, url: {path}, rate: 50/s, duration: 10s}}
    criteria:
      - steady.success_rate >= 99%
      - steady.latency.p95 < 500ms
"""


def init(
    source: Annotated[
        str,
        typer.Argument(
            metavar="URL|FILE",
            help="URL at which the service answers, path included; a compose file; or a plan in Markdown.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The plan to write.")] = Path(
        "phasegate.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> int:
    """Write a plan for a service, a compose stack or a document."""
    from phasegate.base.files import is_there

    file = Path(source)
    if "://" not in source and is_there(file) and is_there(output) and file.samefile(output):
        raise UsageError(f"{output} is what the plan is made of", help="name another file with -o")
    if "://" not in source and file.suffix.lower() in _MARKDOWN:
        _for_document(file, output, force=force)
        return 0
    of_stack = "://" not in source and (file.suffix in (".yaml", ".yml") or is_there(file))
    _write(output, _for_stack(file, output) if of_stack else _for_service(_service(source)), force=force)
    make_console().print(f"wrote {output}; next: phasegate run {output}", soft_wrap=True)
    return 0


def _write(output: Path, text: str, *, force: bool) -> None:
    from phasegate.base.files import write_whole

    try:
        if force:
            write_whole(output, text.encode())
        else:
            with output.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        help = "name another file with -o, or write over it with --force"
        raise UsageError(f"{output} exists already", help=help) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot write {output}: {reason}", help="name another file with -o") from error


def _for_document(file: Path, output: Path, *, force: bool) -> None:
    from phasegate.cli.markdown_starter.starter import starter_of

    starter = starter_of(file)
    _write(output, starter.text, force=force)
    lines = (*starter.account, f"wrote {output}; next: phasegate validate {output}")
    make_console().print("\n".join(lines), soft_wrap=True)


def _for_service(parts: SplitResult) -> str:
    from phasegate.base.substitution import escape

    text = _PLAN.format(
        phase="first",
        title=json.dumps(f"First gate for {parts.hostname}"),
        url=json.dumps(f"{parts.scheme}://{parts.netloc}"),
        path=json.dumps(f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"),
    )
    return str(escape(text))  # what a URL has of them is none of ours


def _for_stack(file: Path, output: Path) -> str:
    """Errors: PlanError for what is not a compose file."""
    from phasegate.cli.problems import problems_text
    from phasegate.cli.stack_starter import plan_for
    from phasegate.plan.reading.compose_file import read_compose_file
    from phasegate.plan.targets.weak_spots import weak_spots
    from phasegate.plan.text.named import Files

    compose, wrong = read_compose_file(Files(Path.cwd(), ""), str(file))
    if compose is None or wrong.problems:
        raise PlanError(wrong.problems)
    warnings = tuple(weak_spots(compose, Path.cwd() / file.parent, compose.up((), ())))
    if warnings:
        make_console().print(problems_text(warnings), soft_wrap=True)
    return plan_for(compose, os.path.relpath(file, output.parent))


def _service(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # a port or an IPv6 address that is none
    raise UsageError(
        f"{url!r} is not the URL of a service, nor a compose file or a document",
        help="write it like http://localhost:8080/health, or name a file like compose.yaml or plan.md",
    )

"""The stages of a Dockerfile: what they are built on, and what they end up with; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise

from phasegate.base.dataclass import dataclass
from phasegate.kinds.dockerfile.reader import Instruction, Script, split_words, unquote

SCRATCH = "scratch"
_PLATFORM = {
    f"{side}{name}": value
    for side in ("BUILD", "TARGET")
    for name, value in (("PLATFORM", "linux/amd64"), ("OS", "linux"), ("ARCH", "amd64"), ("VARIANT", ""))
}
"""What every build knows; the values of one platform stand for all."""
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:(:?[-+?])([^{}]*))?\}|(\w+))")
NOTHING: Mapping[str, str] = {}
_MOST = 20
"""Variables within variables that are followed."""
_LONGEST = 4_096
"""Characters of a value that is known."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage as it is written, and what is known of what it is built on."""

    number: int
    name: str
    """In small letters; empty where it has none."""
    line: int
    written: str
    """What it is built on, as written."""
    image: str | None
    """The image it is built on; empty where that is another stage, None where a variable is not known."""
    base: Stage | None
    instructions: tuple[Instruction, ...]

    @property
    def place(self) -> str:
        return f"stage/{self.name or self.number}"

    @cached_property
    def lineage(self) -> tuple[Stage, ...]:
        """The stages it is built on and itself, the first of them on an image."""
        found = [self]
        while (base := found[-1].base) is not None:
            found.append(base)
        return tuple(reversed(found))

    @property
    def root_image(self) -> str | None:
        return self.lineage[0].image

    @property
    def run(self) -> Iterator[Instruction]:
        """Its instructions, after those that ONBUILD of the stage it is built on holds back for it."""
        held = () if self.base is None else self.base.instructions
        yield from (one.trigger for one in held if one.trigger)
        yield from self.instructions

    @property
    def layers(self) -> Iterator[Instruction]:
        """The instructions that make what it ends up with."""
        return (one for stage in self.lineage for one in stage.run)

    def last(self, name: str) -> Instruction | None:
        """The one of a name that has effect."""
        return next((one for one in reversed([*self.layers]) if one.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """What is in a Dockerfile, and beside it."""

    script: Script
    stages: tuple[Stage, ...]
    final: Stage | None
    """The stage that is built; None where there is none."""
    known: Mapping[int, str | None]
    """What USER and COPY --from say, by line; None where a variable is not known."""
    ignore_file: bool
    """Whether its context has a `.dockerignore`."""
    not_root: tuple[str, ...] = ()
    """Images, as globs, that have a user of their own."""

    @property
    def finals(self) -> tuple[Stage, ...]:
        return () if self.final is None else (self.final,)

    @property
    def instructions(self) -> Iterator[tuple[Stage, Instruction]]:
        """What ONBUILD holds back is an instruction of images that are built on this one."""
        return ((stage, one.trigger or one) for stage in self.stages for one in stage.instructions)

    @cached_property
    def environment(self) -> Mapping[str, str | None]:
        """What the final stage sets for every command, as written."""
        return {name: value for _, one in self.shipped if one.name == "ENV" for name, value in one.pairs}

    @property
    def shipped(self) -> Iterator[tuple[Stage, Instruction]]:
        """The instructions that make what the final stage ends up with."""
        lineage = self.final.lineage if self.final else ()
        return ((stage, one) for stage in lineage for one in stage.run)


def dockerfile_of(
    script: Script,
    *,
    target: str | None = None,
    ignore_file: bool = True,
    not_root: tuple[str, ...] = (),
    given: Mapping[str, str] = NOTHING,
) -> Dockerfile:
    """`target`: the stage that is built; the last one where there is none of that name.

    `given`: values of build arguments that the file gives none.
    """
    stages: list[Stage] = []
    arguments: dict[str, str | None] = dict(_PLATFORM)
    names: dict[str, Stage] = {}
    starts = [number for number, one in enumerate(script.instructions) if one.name == "FROM"]
    for one in script.instructions[: starts[0] if starts else None]:
        for name, value in one.pairs if one.name == "ARG" else ():
            own = arguments.get(name) if value is None else expand(value, arguments)
            arguments[name] = own if own is not None else given.get(name)
    known: dict[int, str | None] = {}
    settled: list[dict[str, str | None]] = []
    for start, end in pairwise((*starts, None)):
        stage = _stage(script.instructions[start:end], len(stages), names, arguments)
        stages.append(stage)
        names[stage.name or f"{stage.number}"] = stage
        values = {} if stage.base is None else dict(settled[stage.base.number])
        known |= _settle(stage.instructions, values, {**given, **arguments})
        settled.append(values)
    named = names.get((target or "").lower())
    return Dockerfile(
        script=script,
        stages=tuple(stages),
        final=named or (stages[-1] if stages else None),
        known=known,
        ignore_file=ignore_file,
        not_root=not_root,
    )


def _stage(
    instructions: tuple[Instruction, ...],
    number: int,
    names: Mapping[str, Stage],
    arguments: Mapping[str, str | None],
) -> Stage:
    words = split_words(instructions[0].text) or [""]
    image = expand(unquote(words[0]), arguments)
    base = names.get((image or "").lower())
    return Stage(
        number=number,
        name=unquote(words[2]).lower() if len(words) == 3 else "",
        line=instructions[0].line,
        written=words[0],
        image=image or None if base is None else "",
        base=base,
        instructions=instructions[1:],
    )


def _settle(
    instructions: Iterable[Instruction],
    values: dict[str, str | None],
    arguments: Mapping[str, str | None],
) -> Iterator[tuple[int, str | None]]:
    """What USER and COPY --from say, by line; `values` become those at the end of the stage."""
    for one in (written.trigger or written for written in instructions):
        if one.name == "USER":
            yield one.line, expand(unquote(one.text), values)
        elif one.name == "COPY":
            yield one.line, expand(one.flag("from") or "", values)
        for name, value in one.pairs if one.name in ("ARG", "ENV") else ():
            if value is not None:
                values[name] = expand(value, values)
            elif name not in values:
                values[name] = arguments.get(name)


def expand(text: str, values: Mapping[str, str | None]) -> str | None:
    """A text with its variables, from the innermost on; None where one has no value that is known."""
    known = True

    def value_of(match: re.Match[str]) -> str:
        nonlocal known
        value = values.get(match[1] or match[4])
        operator = match[2] or ""
        if operator.endswith("-") and (value is None or (operator == ":-" and not value)):
            return match[3]
        if operator.endswith("+"):
            return match[3] if value else ""
        known = known and value is not None
        return value or ""

    for _ in range(_MOST):
        text, n = _VARIABLE.subn(value_of, text)
        if not n or len(text) > _LONGEST:
            break
    return text if known and "${" not in text and len(text) <= _LONGEST else None

"""Expressions in CEL that must be true of an object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

_LITERAL = re.compile(
    r"""[rRbB]{0,2}(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
)
_NAME = re.compile(r"(?P<dot>\.\s*)?\b(?P<name>[A-Za-z_]\w*)\b(?P<call>\s*\()?")
_LACKING = frozenset(
    (
        *("asInteger", "asApproximateFloat", "add", "bind", "charAt", "cidr", "compareTo", "containsCIDR"),
        *("containsIP", "find", "findAll", "format", "getEscapedPath", "getHost", "getHostname", "getPort"),
        *(
            "getQuery",
            "getScheme",
            "indexOf",
            "ip",
            "isCIDR",
            "isGreaterThan",
            "isInteger",
            "isIP",
            "isLessThan",
        ),
        *(
            "isQuantity",
            "isSemver",
            "isSorted",
            "isURL",
            "join",
            "lastIndexOf",
            "lowerAscii",
            "major",
            "masked",
        ),
        *(
            "max",
            "min",
            "minor",
            "optional",
            "orValue",
            "patch",
            "prefixLength",
            "quantity",
            "quote",
            "replace",
        ),
        *(
            "reverse",
            "semver",
            "sign",
            "split",
            "strings",
            "sub",
            "substring",
            "sum",
            "trim",
            "upperAscii",
            "url",
        ),
    )
)
"""Functions that Kubernetes adds to CEL, and that are not there."""
_SHOWN = 200
_VARIABLES = frozenset({"authorizer", "namespaceObject", "oldObject", "params", "request", "variables"})
"""Variables of admission that mean nothing of a file."""


def expression_problems(text: str) -> Iterator[str]:
    """Why an expression cannot be used: names of Kubernetes that are not there; its syntax, where CEL is."""
    for match in _NAME.finditer(_LITERAL.sub('""', text)):
        function = match["call"] and match["name"] in _LACKING
        variable = not match["dot"] and not match["call"] and match["name"] in _VARIABLES
        if function or variable:
            yield f"{match['name']} is of Kubernetes' own CEL and not known here"
    try:
        import cel
    except ImportError:
        return  # the check is not run without it
    try:
        cel.compile(text)
    except Exception as error:
        yield f"{error}".splitlines()[0][:_SHOWN]


def compile_expression(text: str) -> Callable[[Any], str | None]:
    """What tells why an expression is not true of an object: false, the type of its value, or its error.

    A value itself is not shown, as it may be a secret. Errors: ImportError without the extra `policies`.
    """
    import cel

    program = cel.compile(text)

    def why_not(tree: Any) -> str | None:
        try:
            value = program.execute({"object": tree})
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the library is no Exception
            return f"{type(error).__name__}: {error}"[:_SHOWN]
        if isinstance(value, bool):
            return None if value else "false"
        return f"no boolean: {type(value).__name__}"

    return why_not

"""What a plan may say of a target in containers: a compose stack, and containers that are up already."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from phasegate.base.fields import Closed, FilePath, Text
from phasegate.http.written import Headers
from phasegate.plan.written.plan import EnvName, Said, Span, TlsWritten, one_or_many

_PROJECT = r"^[a-z0-9][a-z0-9_-]*$"


class ServiceWritten(Closed):
    """What more there is to say of a service than that it is there."""

    port: int | None = Field(default=None, ge=1, le=65535)
    scheme: Literal["http", "https"] | None = None
    headers: Headers = Field(default_factory=dict)
    tls: TlsWritten = TlsWritten()
    protected: bool = False


class ComposeWritten(Closed):
    """A stack that Compose brings up; what is said of single services is validated on its own."""

    file: Annotated[
        Said, WithJsonSchema({"type": "string", "description": "a compose file, relative to the plan's root"})
    ]
    services: Any = None
    profiles: tuple[Said, ...] = ()
    env_file: FilePath | None = None
    env: dict[EnvName, Text] = Field(default_factory=dict)
    project: Annotated[str, WithJsonSchema({"type": "string", "pattern": _PROJECT})] = ""
    within: Span = 120.0

    @field_validator("project")
    @classmethod
    def _is_a_project(cls, project: str) -> str:
        if not re.fullmatch(_PROJECT, project):
            raise ValueError(
                f"{project!r} is not a project of Compose: lower case letters, digits, '-' and '_',"
                " a letter or a digit first"
            )
        return project


class AttachedWritten(Closed):
    """Containers that are up; what is said of single services is validated on its own."""

    label: Annotated[
        tuple[Text, ...],
        BeforeValidator(one_or_many),
        Field(min_length=1),
        WithJsonSchema(
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
        ),
    ]
    services: Any = None
    within: Span = 30.0
    allow_faults: bool = False

    @field_validator("label")
    @classmethod
    def _check_labels(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        for label in labels:
            if not re.fullmatch(r"[^\s=]+(=.*)?", label):
                raise ValueError(
                    f"{label!r} is not a label; write a name, or name=value: com.docker.compose.project=shop"
                )
        return labels

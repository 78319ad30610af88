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
    """The port inside the container that `${target.ID.url}` speaks of, where there are several."""
    scheme: Literal["http", "https"] | None = None
    """How its URL begins; `https` where `tls` names files, else `http`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent with each request to this entry, by name: `{Authorization: "Bearer
    ${env.TOKEN}"}`."""
    tls: TlsWritten = TlsWritten()
    """Files for TLS with this entry: `ca`, `cert` and `key`."""
    protected: bool = False
    """Whether `--confirm ID` is needed before load is put on this entry or a fault is done to it."""


class ComposeWritten(Closed):
    """A stack that Compose brings up.

    What is said of single services is validated on its own.
    """

    file: Annotated[
        Said, WithJsonSchema({"type": "string", "description": "a compose file, relative to the plan's root"})
    ]
    """The compose file."""
    services: Any = None
    """The services that come up, with all that they depend on; without it, the whole file. A list of names,
    or a mapping of names to what there is to say of each."""
    profiles: tuple[Said, ...] = ()
    """Profiles of the compose file that are active."""
    env_file: FilePath | None = None
    """A file with values for `${...}` of the compose file."""
    env: dict[EnvName, Text] = Field(default_factory=dict)
    """Values for `${...}` of the compose file, by name."""
    project: Annotated[str, WithJsonSchema({"type": "string", "pattern": _PROJECT})] = ""
    """The project's name; one of the run's own unless given."""
    within: Span = 120.0
    """The longest wait for every service to be ready."""

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
    """Containers that are up already.

    What is said of single services is validated on its own.
    """

    label: Annotated[
        tuple[Text, ...],
        BeforeValidator(one_or_many),
        Field(min_length=1),
        WithJsonSchema(
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
        ),
    ]
    """Labels by which the containers are found, `name` or `name=value`: `com.docker.compose.project=shop`."""
    services: Any = None
    """Services that must be there: a list of names, or a mapping of names to what there is to say of each."""
    within: Span = 30.0
    """The longest wait for them to be ready."""
    allow_faults: bool = False
    """Whether faults may be done to them; `--confirm ID` is needed too."""

    @field_validator("label")
    @classmethod
    def _check_labels(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        for label in labels:
            if not re.fullmatch(r"[^\s=]+(=.*)?", label):
                raise ValueError(
                    f"{label!r} is not a label; write a name, or name=value: com.docker.compose.project=shop"
                )
        return labels

"""Secrets in images: what is one, what only looks like one, and that no value is shown."""

from __future__ import annotations

import pytest

from phasegate.kinds.image.secrets import secrets_of
from phasegate.model.containers import Image, ImageStep

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"


def found(*, environment: tuple[str, ...] = (), history: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    steps = tuple(ImageStep(created_by=text) for text in history)
    secrets = secrets_of(Image(id="sha256:a", size=1, environment=environment, history=steps))
    assert not any(secret.value in str(secret) for secret in secrets)
    return [(f"{secret.what} in the {secret.where}", secret.value) for secret in secrets]


@pytest.mark.parametrize(
    ("line", "said", "value"),
    [
        ("POSTGRES_PASSWORD=shop", "POSTGRES_PASSWORD=***", "shop"),
        ("DB_PASS=hunter22", "DB_PASS=***", "hunter22"),
        ("GITHUB_TOKEN=abc", "GITHUB_TOKEN=***", "abc"),
        ("CLIENT_SECRET=x=y", "CLIENT_SECRET=***", "x=y"),
        ("OPENAI_API_KEY=sk-1", "OPENAI_API_KEY=***", "sk-1"),
        ("apiKey=sk-1", "apiKey=***", "sk-1"),
        ("AWS_SECRET_ACCESS_KEY=wJalr", "AWS_SECRET_ACCESS_KEY=***", "wJalr"),
        ("SETTINGS=AKIAIOSFODNN7EXAMPLE", "SETTINGS: an AWS access key", "AKIAIOSFODNN7EXAMPLE"),
        ("DATABASE_URL=postgres://shop:geheim@db/shop", "DATABASE_URL: a password in a URL", "shop:geheim"),
        (f"COOKIE={JWT}", "COOKIE: a signed token", JWT),
        ("X=ghp_" + "a" * 36, "X: a GitHub token", "ghp_" + "a" * 36),
        ("X=xoxb-1234567890-abc", "X: a Slack token", "xoxb-1234567890-abc"),
        ("X=glpat-" + "a" * 20, "X: a GitLab token", "glpat-" + "a" * 20),
        ("X=AIza" + "a" * 35, "X: a Google API key", "AIza" + "a" * 35),
    ],
)
def test_a_secret_in_the_environment_is_named_and_not_shown(line: str, said: str, value: str) -> None:
    assert found(environment=(line,)) == [(f"{said} in the environment", value)]


@pytest.mark.parametrize(
    "line",
    [
        "PATH=/usr/bin",
        "PWD=/app",
        "POSTGRES_PASSWORD=",
        "POSTGRES_PASSWORD_FILE=/run/secrets/password",
        "DB_PASSWORD=/run/secrets/password",
        "DB_PASSWORD=$PASSWORD",
        "DB_PASSWORD=${PASSWORD}",
        "MYSQL_ALLOW_EMPTY_PASSWORD=yes",
        "TOKEN_URL=https://id.example/token",
        "TOKENIZER=fast",
        "COMPASS=north",
        "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
        "SECRET_NAME=shop",
        "URL=https://example/path",
        "URL=https://user@example/path",
        "NOTHING",
    ],
)
def test_what_only_looks_like_a_secret_is_left_alone(line: str) -> None:
    assert found(environment=(line,)) == []


@pytest.mark.parametrize(
    ("text", "said", "value"),
    [
        ("|1 NPM_TOKEN=abc123 /bin/sh -c npm ci", "NPM_TOKEN=***", "abc123"),
        ("/bin/sh -c #(nop)  ENV API_KEY=abc123", "API_KEY=***", "abc123"),
        ("RUN /bin/sh -c export PASSWORD='ab c' && make # buildkit", "PASSWORD=***", "ab c"),
        ("RUN /bin/sh -c tool --api-key=abc123 go", "api-key=***", "abc123"),
        ("RUN curl https://me:abc123@registry.example/x", "a password in a URL", "me:abc123"),
        (
            "RUN echo '-----BEGIN RSA PRIVATE KEY-----MIIE' > /key",
            "a private key",
            "-----BEGIN RSA PRIVATE KEY-----MIIE' > /key",
        ),
    ],
)
def test_a_secret_in_the_history_is_named_and_not_shown(text: str, said: str, value: str) -> None:
    assert found(history=(text,)) == [(f"{said} in the history", value)]


@pytest.mark.parametrize(
    "text",
    [
        "RUN --mount=type=secret,id=npm_token /bin/sh -c npm ci",
        "RUN /bin/sh -c TOKEN=$(cat /run/secrets/token) make",
        "RUN /bin/sh -c make TOKEN=${TOKEN}",
        'CMD ["python", "-m", "shop"]',
    ],
)
def test_a_history_that_uses_secrets_rightly_is_left_alone(text: str) -> None:
    assert found(history=(text,)) == []


def test_what_is_in_both_is_told_once() -> None:
    both = found(environment=("API_KEY=abc123",), history=("ENV API_KEY=abc123",))
    assert both == [("API_KEY=*** in the environment", "abc123")]

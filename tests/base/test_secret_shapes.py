"""What looks like a secret, in settings and in text, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.secret_shapes import is_secret, secrets_in_text, without_secrets

SECRET = st.text(alphabet="abcdefghkmnpqrstuvwxyzABCDEFGHKMNP23456789", min_size=12, max_size=24).map(
    lambda text: f"h{text}"
)
NAMES = (
    *("DB_PWD", "MYSQL_PWD", "PGPASSWORD", "POSTGRES_PASSWORD", "dbPassword", "REDISCLI_AUTH", "SMTP_PASS"),
    *("GITHUB_TOKEN", "CLIENT_SECRET", "SECRET_KEY_BASE", "STRIPE_KEY", "APP_KEY", "apiKey", "JWT_SECRET"),
    *("spring.datasource.password", "AWS_SECRET_ACCESS_KEY", "SSH_PASSPHRASE", "ADMIN_CREDENTIALS"),
)
TEXTS = (
    *(
        "postgres://app:{}@db/app",
        "redis://:{}@cache:6379/0",
        "amqp://u:{}@mq/%2f",
        "--password={}",
        "--token {}",
    ),
    *(
        "DB_PWD={} ./run",
        "export API_TOKEN='{}'; x",
        "curl -H 'Authorization: Bearer {}' x",
        "-Ddb.password={}",
    ),
    *("https://user:{}@registry.example/v2", 'connect password="{}" host=db'),
)


@given(st.sampled_from(NAMES), SECRET)
def test_value_of_a_name_that_tells_of_a_secret_is_one(name: str, value: str) -> None:
    assert is_secret(name, value)
    assert without_secrets(value, put="***", name=name) == "***"


@given(
    st.sampled_from(TEXTS),
    SECRET,
    st.sampled_from(["", "sh -c ", "a; "]),
    st.sampled_from(["", " --port 80"]),
)
def test_nothing_of_a_secret_in_a_text_is_left_and_the_rest_is(
    text: str, value: str, before: str, after: str
) -> None:
    left = without_secrets(before + text.format(value) + after, put="***")
    assert value not in left
    assert left.startswith(before)
    assert left.endswith(after)


@pytest.mark.parametrize(
    "value",
    [
        *("ghp_" + "a" * 36, "AKIAIOSFODNN7EXAMPLE", "xoxb-1234567890-abcdef", "sk-abcdefghijklmnopqrstuvwx"),
        *("glpat-" + "a" * 20, "AIza" + "a" * 35, "sk_live_abcdefghijklmnop", "npm_" + "a" * 36),
    ],
)
def test_token_of_a_known_service_is_a_secret_whatever_it_is_called(value: str) -> None:
    assert without_secrets(f"set {value} here", put="***") == "set *** here"
    assert without_secrets(value, put="***", name="SETTING") == "***"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("MAX_TOKENS", "4096"),
            ("GPG_KEY", "A035C8C1"),
            ("TOKENIZER", "fast"),
            ("AUTHOR", "me"),
            ("PWD", "/app"),
        ),
        *(("DB_PASSWORD_FILE", "/run/secrets/db"), ("DB_PASSWORD", "$PASSWORD"), ("SMTP_AUTH", "login")),
        *(
            ("KEYCLOAK_ADMIN", "admin"),
            ("COMPASS", "north"),
            ("SORT_KEY", "name"),
            ("TOKEN_URL", "https://id"),
        ),
    ],
)
def test_what_only_looks_like_a_secret_is_left(name: str, value: str) -> None:
    assert not is_secret(name, value)
    assert without_secrets(value, put="***", name=name) == value


def test_text_without_a_secret_is_left_as_it_is() -> None:
    text = "the token is good; sort --key 2 --host db https://example/x?y=z user@host: pass the salt"
    assert without_secrets(text, put="***") == text
    assert list(secrets_in_text(text)) == []


@pytest.mark.parametrize("text", ["bearer abcdefgh", "xoxb-0123456789", "://:x@h", "A_PWD=x", "--token x"])
def test_the_shortest_texts_with_a_secret_are_seen(text: str) -> None:
    assert list(secrets_in_text(text))

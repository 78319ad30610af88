"""Each rule of Dockerfiles trips where one thing is wrong, and is silent where it is right."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from phasegate.inspection.finding import Finding
from phasegate.kinds.dockerfile.dockerfile_rules import commands_of, rule
from phasegate.kinds.dockerfile.reader import read_dockerfile
from phasegate.kinds.dockerfile.stages import dockerfile_of, expand
from phasegate.render.rules import rule_texts
from phasegate.render.sentences import sentence

SOUND = """\
# syntax=docker/dockerfile:1
ARG VERSION=1.24
FROM golang:${VERSION} AS build
RUN --mount=type=cache,target=/root/.cache go build -o /shop .
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /shop /shop
HEALTHCHECK --interval=5s CMD ["/shop", "--ask"]
ENTRYPOINT ["/shop"]
"""
TRIPS: Mapping[str, tuple[str, ...]] = {
    "dockerfile-syntax": ("RUNN x",),
    "build-tools-shipped": (
        "FROM golang:1.24",
        "FROM mcr.microsoft.com/dotnet/sdk:9.0",
        "FROM eclipse-temurin:21-jdk-alpine",
        "RUN mvn -B package",
        "RUN a=1 make",
        "RUN npm ci && npm run build",
        "RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev",
        "RUN apk add --no-cache build-base",
        "RUN <<EOF\nset -e\ncargo build --release\nEOF",
        "FROM rust:1.90 AS a\nFROM a AS b\nFROM b",
    ),
    "no-user": (
        "FROM debian:12",
        "FROM a:1 AS x\nFROM x",
        "FROM scratch",
        "FROM gcr.io/distroless/static:latest",
        "FROM debian:12 AS x\nUSER 1\nFROM debian:12",
    ),
    "runs-as-root": (
        "USER root",
        "USER 0",
        "USER 0:0",
        "USER root:shop",
        "USER 10001\nUSER root",
        "ARG U=root\nUSER ${U}",
        "ENV U=0\nUSER $U",
        "FROM debian:12 AS x\nUSER root\nFROM x",
        'USER ""',
        "USER +0",
        "FROM debian:12 AS x\nUSER 1\nONBUILD USER root\nFROM x",
    ),
    "user-not-known": ("ARG U\nUSER $U", "USER $APP_UID"),
    "no-healthcheck": ("FROM debian:12", "HEALTHCHECK NONE", "FROM a:1 AS x\nHEALTHCHECK CMD ask\nFROM a:1"),
    "healthcheck-cannot-fail": (
        "HEALTHCHECK CMD exit 0",
        "HEALTHCHECK CMD true",
        'HEALTHCHECK CMD ["true"]',
        "HEALTHCHECK CMD curl -f localhost || true",
        "FROM debian:12 AS x\nHEALTHCHECK CMD :\nFROM x",
        'SHELL ["/bin/bash", "-c"]\nHEALTHCHECK CMD exit 0',
    ),
    "base-unpinned": (
        "RUN --mount=type=bind,from=busybox,target=/x ls /x",
        "FROM debian",
        "FROM debian:latest",
        "FROM localhost:5000/debian",
        "ARG B=debian\nFROM $B",
        "ARG T=latest\nFROM debian:${T}",
        "COPY --from=ghcr.io/shop/tool /a /b",
        "FROM --platform=linux/amd64 debian",
        "ARG T\nFROM debian:${T:-latest}",
    ),
    "base-not-known": ("ARG B\nFROM $B", "FROM debian:$T", "COPY --from=$X /a /b"),
    "secret-in-env": (
        "ONBUILD ENV DB_PASSWORD=hunter22",
        "ENV DB_PASSWORD=hunter2",
        "ENV DB_PASSWORD hunter2",
        "ARG API_KEY=abc123",
        "ENV A=1 URL=postgres://shop:hunter2@db/shop",
        "FROM a:1 AS x\nENV TOKEN=abc\nFROM debian:12",
    ),
    "secret-in-arg": ("ARG NPM_TOKEN", "ARG NPM_TOKEN="),
    "secret-in-instruction": (
        'RUN curl -H "Authorization: Bearer abcdef123456" https://example.com',
        "RUN echo password=hunter2 > /etc/shop",
        "RUN docker build --build-arg NPM_TOKEN=hunter2 .",
        "RUN npm config set //registry.example/:_authToken=hunter2",
        "RUN git clone https://shop:hunter2@example.com/shop.git",
        'RUN ["curl", "-u", "shop:hunter2", "https://example.com"]',
        "RUN <<EOF\nexport DB_PASSWORD=hunter2\nEOF",
        "COPY <<EOF /etc/shop\npassword: hunter2\nEOF",
        "FROM a:1 AS x\nRUN TOKEN=hunter2 make\nFROM debian:12",
        "ONBUILD RUN TOKEN=hunter2 make",
        'CMD ["serve", "--password", "hunter2"]',
    ),
    "add-of-url": (
        "ADD https://example.com/a.tar.gz /a",
        'ADD ["https://example.com/a", "/a"]',
        "ADD https://github.com/shop/web.git /web",
        "ADD https://github.com/shop/web.git#main /web",
    ),
    "add-of-local-file": ("ADD a.txt /", "ADD . /app", 'ADD ["a", "b", "/"]'),
    "apt-cache": (
        "RUN apt-get update && apt-get install -y curl",
        "RUN apt-get -qq update\nRUN rm -rf /var/lib/apt/lists/*",
        "RUN <<EOF\napt update\nEOF",
    ),
    "apk-cache": ("RUN apk add curl", "RUN apk update && apk add --no-cache curl"),
    "pip-cache": (
        "RUN pip install flask",
        "RUN python3 -m pip install -r r.txt",
        "RUN pip3 --quiet install x",
    ),
    "copy-without-ignore-file": ("COPY . /app", "COPY ./ .", "ADD . /app"),
    "sudo": ("RUN sudo apt-get update", "RUN a && sudo b", "RUN if x; then sudo y; fi"),
    "command-repeated": ('CMD ["a"]\nCMD ["b"]', 'ENTRYPOINT ["a"]\nENTRYPOINT ["b"]'),
    "entrypoint-in-shell-form": ("ENTRYPOINT /shop --serve", "ENTRYPOINT PORT=1 /shop"),
    "command-not-json": ("CMD ['/shop']", "ENTRYPOINT [/shop]", 'CMD ["a" "b"]'),
}
SILENT: Mapping[str, tuple[str, ...]] = {
    "dockerfile-syntax": ("RUN <<EOF\nRUNN x\nEOF",),
    "build-tools-shipped": (
        "FROM maven:3 AS build\nRUN mvn package\nFROM eclipse-temurin:21-jre",
        "RUN apk add --no-cache --virtual .b gcc && make && apk del .b",
        "RUN apt-get install -y gcc && make && apt-get purge -y gcc",
        "RUN echo go build",
        "RUN python3 <<EOF\nmake all\nEOF",
        "RUN <<EOF\n#!/usr/bin/env python3\nmake\nEOF",
        "RUN npm ci --omit=dev",
        "RUN makeup",
    ),
    "no-user": (
        "FROM gcr.io/distroless/static:nonroot",
        "FROM gcr.io/distroless/base-debian12:debug-nonroot",
        "FROM mcr.microsoft.com/dotnet/aspnet:9.0-noble-chiseled",
        "FROM docker.io/bitnami/redis:7",
        "FROM nginxinc/nginx-unprivileged:1.27",
        "FROM shop.example/base/java:21",
        "FROM debian:12 AS x\nUSER 10001\nFROM x",
    ),
    "runs-as-root": ("USER 10001", "USER shop", "USER root\nUSER shop", "USER 100:0", "USER 1000"),
    "user-not-known": ("ARG U=10001\nUSER $U", "USER ${U:-10001}", "ENV U=10001\nUSER $U"),
    "no-healthcheck": ("HEALTHCHECK CMD ask", "FROM debian:12 AS x\nHEALTHCHECK CMD ask\nFROM x"),
    "healthcheck-cannot-fail": (
        "HEALTHCHECK CMD curl -f localhost || exit 1",
        'HEALTHCHECK CMD ["ask"]',
        "HEALTHCHECK NONE",
        "HEALTHCHECK CMD true\nHEALTHCHECK CMD ask",
    ),
    "base-unpinned": (
        "FROM debian:12",
        "FROM scratch",
        f"FROM debian@sha256:{'0' * 64}",
        "FROM debian:12 AS a\nFROM a",
        "FROM debian:12 AS a\nCOPY --from=a /a /b",
        "FROM debian:12 AS a\nFROM debian:12\nCOPY --from=0 /a /b",
        "ARG B=debian:12\nFROM ${B}",
        "FROM debian:12 AS Build\nFROM BUILD",
        "FROM localhost:5000/debian:12",
        "FROM debian:12 AS base-amd64\nFROM base-$TARGETARCH",
        "ARG T\nFROM debian:${T:-12}",
        "ARG B\nFROM $B",
    ),
    "base-not-known": (
        "ARG B=a:1\nFROM $B",
        "FROM a:$TARGETARCH",
        "ARG A=1\nARG B=a:$A\nFROM $B",
        "ARG GIVEN\nFROM $GIVEN",
    ),
    "secret-in-env": (
        "ENV PASSWORD_FILE=/run/secrets/db",
        "ENV DB_PASSWORD=$DB_PASSWORD",
        "ENV PATH=/a",
        "ARG API_KEY",
        "RUN --mount=type=secret,id=a x",
    ),
    "secret-in-arg": ("ARG VERSION", "ARG TOKEN_URL"),
    "secret-in-instruction": (
        "RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) npm ci",
        "RUN npm config set //registry.example/:_authToken=${NPM_TOKEN}",
        'RUN curl -H "Authorization: Bearer $TOKEN" https://example.com',
        "RUN gpg --keyserver hkps://keys.example --recv-keys 36F5ABCD",
        'RUN sed -i "s/password=.*/password=$PW/" /etc/shop',
        "RUN git clone https://git@example.com/shop.git",
        "RUN set -ex; key='B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8'; gpg --recv-keys \"$key\"",
        'ENTRYPOINT locust --host="http://${ADDR}" --headless -u "${USERS:-10}"',
        "LABEL org.opencontainers.image.source=https://example.com/shop",
    ),
    "add-of-url": (
        f"ADD --checksum=sha256:{'0' * 64} https://example.com/a /a",
        "ADD a.tar.gz /",
        "ADD https://github.com/shop/web.git#v1.2 /web",
        "ADD https://github.com/shop/web.git#$REF /web",
    ),
    "add-of-local-file": (
        "ADD a.tar.gz /",
        "ADD a.tgz b.tar /",
        "ADD https://example.com/a /a",
        "ADD *.gz /",
        "ADD <<EOF /a\nx\nEOF",
    ),
    "apt-cache": (
        "RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
        "RUN --mount=type=cache,target=/var/lib/apt --mount=type=cache,target=/var/cache/apt apt-get update",
        "FROM debian:12 AS a\nRUN apt-get update\nFROM debian:12",
        "RUN echo apt-get update",
    ),
    "apk-cache": (
        "RUN apk add --no-cache curl",
        "RUN apk --no-cache add curl",
        "RUN apk add curl && rm -rf /var/cache/apk/*",
        "RUN --mount=type=cache,target=/var/cache/apk apk add curl",
        "RUN apk del curl",
    ),
    "pip-cache": (
        "RUN pip install --no-cache-dir flask",
        "ENV PIP_NO_CACHE_DIR=1\nRUN pip install flask",
        "RUN --mount=type=cache,target=/root/.cache/pip pip install flask",
        "RUN PIP_NO_CACHE_DIR=1 pip install x",
        "RUN pip install x && rm -rf /root/.cache",
    ),
    "copy-without-ignore-file": ("COPY src /app", "FROM a:1 AS x\nFROM a:1\nCOPY --from=x . /app"),
    "sudo": ("RUN echo sudo", "RUN apt-get install sudo"),
    "command-repeated": ('CMD ["a"]\nENTRYPOINT ["b"]', 'FROM a:1 AS x\nCMD ["a"]\nFROM x\nCMD ["b"]'),
    "entrypoint-in-shell-form": (
        'ENTRYPOINT ["a"]',
        "ENTRYPOINT exec /shop",
        "ENTRYPOINT A=1 exec /shop",
        "ENTRYPOINT []",
        'ENTRYPOINT a\nENTRYPOINT ["b"]',
    ),
    "command-not-json": ('CMD ["a"]', "CMD [ -f x ] && y"),
}


def inspect(text: str) -> tuple[Finding, ...]:
    """A text without a stage is put behind one."""
    whole = text if "FROM " in text.partition("\n")[0] or "\nFROM " in text else f"FROM debian:12\n{text}"
    file = dockerfile_of(
        read_dockerfile(whole),
        ignore_file=False,
        not_root=("shop.example/base/*",),
        given={"GIVEN": "debian:12"},
    )
    return rule.inspect(file, "Dockerfile").findings


def cases(table: Mapping[str, tuple[str, ...]]) -> list[object]:
    return [
        pytest.param(rule, text, id=f"{rule}-{n}") for rule in table for n, text in enumerate(table[rule])
    ]


def test_every_rule_has_something_that_trips_it_and_something_that_does_not() -> None:
    rules = [one.id for one in rule.rules]
    assert list(TRIPS) == list(SILENT) == rules
    assert all(TRIPS.values())
    assert all(SILENT.values())


def test_a_sound_file_has_no_finding_and_every_rule_looks_at_something() -> None:
    more = 'RUN x\nUSER 10001\nENV A=1\nADD a.tar /\nCOPY a /\nARG B=1\nCMD ["x"]\n'
    file = dockerfile_of(read_dockerfile(SOUND + more))
    seen = rule.inspect(file, "Dockerfile")
    assert [(one.rule, sentence(one.message)) for one in seen.findings] == []
    assert {id: one.n for id, one in seen.looked.items() if not one.n} == {}


@pytest.mark.parametrize(("id", "text"), cases(TRIPS))
def test_a_rule_trips_where_one_thing_is_wrong(id: str, text: str) -> None:
    found = [one for one in inspect(text) if one.rule == id]
    assert found
    for one in found:
        assert one.line
        assert not re.search(r"\{\d\}", sentence(one.message))
        assert "hunter2" not in sentence(one.message)


@pytest.mark.parametrize(("id", "text"), cases(SILENT))
def test_a_rule_is_silent_where_that_is_right(id: str, text: str) -> None:
    assert [sentence(one.message) for one in inspect(text) if one.rule == id] == []


@pytest.mark.parametrize("id", [one.id for one in rule.rules])
def test_the_sentence_of_a_rule_says_what_is_wrong_and_what_would_be_right(id: str) -> None:
    wrong, right = rule_texts(id)
    assert wrong
    assert right or id == "dockerfile-syntax"


def test_the_stage_that_is_built_is_the_one_that_is_held_to_the_rules_of_the_final_one() -> None:
    script = read_dockerfile("FROM debian:12 AS app\nUSER 1\nFROM app AS dev\nUSER root")
    for target, found in ((None, {"runs-as-root"}), ("APP", set()), ("other", {"runs-as-root"})):
        seen = rule.inspect(dockerfile_of(script, target=target), "Dockerfile")
        assert {one.rule for one in seen.findings} - {"no-healthcheck"} == found


def test_places_stay_when_lines_move() -> None:
    before, after = (
        {(one.rule, one.place) for one in inspect(f"{more}FROM debian AS Web\nENV PASSWORD=x\nUSER 0")}
        for more in ("", "# one\n\n# two\n")
    )
    assert before == after
    assert ("secret-in-env", "stage/web/PASSWORD") in after


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A-${B}", "1-2"),
        ("${C:-x}", "x"),
        ("${C-x}", "x"),
        ("${A:+y}", "y"),
        ("${C:+y}", ""),
        ("$C", None),
        ("${C:-${A}}", "1"),
        ("${A#x}", None),
        ("${E:-z}", "z"),
        ("${E-z}", ""),
        ("${C:?no}", None),
        ("", ""),
    ],
)
def test_variables_have_the_values_that_are_known(text: str, value: str | None) -> None:
    assert expand(text, {"A": "1", "B": "2", "E": ""}) == value


def test_variables_that_make_more_of_themselves_are_not_known() -> None:
    arguments = "".join(f"ARG A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, 60))
    stages = dockerfile_of(read_dockerfile(f"ARG A0=ab\n{arguments}FROM a:$A59")).stages
    assert stages[0].image is None


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("RUN a b && A=1 c || d; e | f", ["a b", "c", "d", "e", "f"]),
        ('RUN ["a", "b c"]', ["a b c"]),
        ("RUN if x; then y; else z; fi", ["x", "y", "z", "fi"]),
        ("RUN bash <<EOF\na \\\n  b\nc\nEOF", ["bash", "a b", "c"]),
    ],
)
def test_commands_are_told_apart(line: str, commands: list[str]) -> None:
    assert [*commands_of(read_dockerfile(f"FROM a\n{line}").instructions[1])] == commands

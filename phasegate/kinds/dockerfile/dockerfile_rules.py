"""Rules of Dockerfiles: what the image that they make is fit for; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from phasegate.base.secret_shapes import is_secret, secrets_in_command, secrets_in_variable
from phasegate.kinds.dockerfile.look import ERROR, WARNING, Family, Hit, Hits, Subjects
from phasegate.kinds.dockerfile.reader import Instruction, Mistake, split_words, unquote
from phasegate.kinds.dockerfile.references import is_pinned, name_of, tag_of
from phasegate.kinds.dockerfile.stages import SCRATCH, Dockerfile, Stage
from phasegate.kinds.healthchecks.healthcheck import why_it_proves_nothing
from phasegate.model.containers import Healthcheck

_SDKS = frozenset({"gcc", "golang", "gradle", "haskell", "maven", "rust", "sbt", "swift"})
_BUILDS = re.compile(
    r"(?:\./)?(?:mvnw?|gradlew?) .*|cargo (?:build|install).*|go (?:build|install).*"
    r"|dotnet (?:build|publish).*|(?:make|cmake|gcc|g\+\+|clang|rustc|javac|tsc|ninja)(?: .*)?"
    r"|(?:npm|pnpm|yarn) run build\b.*"
    r"|(?:yarn|pnpm) build\b.*|(?:npx )?(?:ng|vite|next|tsc) build\b.*"
)
_COMPILERS = frozenset(
    (
        *("build-base", "build-essential", "cargo", "clang", "cmake", "default-jdk", "g++", "gcc", "golang"),
        *("golang-go", "gradle", "make", "maven", "rust", "rustc"),
    )
)
_INSTALLS = re.compile(
    r"(?:apt-get|apt|apk|dnf|microdnf|yum) (?:-\S+ |\w+=\S+ )*(?:install|add)\b(?P<packages>.*)"
)
_REMOVES = re.compile(
    r"(?:apt-get|apt) .*?\b(?:purge|remove|autoremove)\b|apk .*?\bdel\b"
    r"|(?:dnf|microdnf|yum) .*?\b(?:remove|erase)\b"
)
_NOT_ROOT = (
    ("*/distroless/*", "*nonroot*"),
    ("*/dotnet/*", "*chiseled*"),
    ("*", "*nonroot*"),
    ("*-unprivileged", "*"),
    ("bitnami/*", "*"),
    ("quay.io/keycloak/keycloak", "*"),
    ("grafana/grafana", "*"),
    ("prom/*", "*"),
    ("jenkins/jenkins", "*"),
)
"""Names and tags of images that are known to have a user of their own other than root."""
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|tar\.\w+)$|[*?$\]]")
_SHELL = re.compile(r"(?:\S*/)?(?:ba|da|a|k|z)?sh\b")
_ENDS = re.compile(r"&&|\|\||[;|\n(){}]|(?<=\s)&(?=\s)|\b(?:then|do|else|if|while|until)\b|(?:^|\s)!(?=\s)")
_ASSIGNMENTS = re.compile(r"^(?:[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|\S*)\s+)+")
_REMOTE = re.compile(r"https?://|git@|git://|ssh://")
_FIXED = re.compile(r"\.git(?:#(?!(?:main|master|HEAD)?(?:$|:))|\?.*\b(?:commit|tag|checksum)=)")

rule = Family[Dockerfile]("dockerfile", "https://docs.docker.com/")
_REFERENCE = "reference/dockerfile/"
_PRACTICES = "build/building/best-practices/"


class _Placed(NamedTuple):
    """An instruction and the stage that it stands in."""

    stage: Stage
    one: Instruction

    def hit(self, *details: str | int, of: str = "") -> Hit:
        place = f"{self.stage.place}/{of}" if of else self.stage.place
        return Hit(self.one.line, place, details)


class _Base(NamedTuple):
    """What a stage is built on or copies from, where that is no other stage."""

    stage: Stage
    line: int
    written: str
    image: str | None
    """None where a variable is not known."""


def _every(*names: str) -> Subjects[Dockerfile]:
    found = " or ".join(names)
    return found, lambda file: (_Placed(*pair) for pair in file.instructions if pair[1].name in names)


def _bases(file: Dockerfile) -> Iterator[_Base]:
    names = {name for stage in file.stages for name in (stage.name, f"{stage.number}")}
    for stage in file.stages:
        if stage.base is None:
            yield _Base(stage, stage.line, stage.written, stage.image)
    for stage, one in file.instructions:
        source = one.flag("from") if one.name == "COPY" else None
        image = file.known.get(one.line)
        if source and (image is None or image.lower() not in names):
            yield _Base(stage, one.line, source, image)
        for mount in one.flags_of("mount"):
            source = dict(part.partition("=")[::2] for part in mount.split(",")).get("from")
            if source and "$" not in source and source.lower() not in names:
                yield _Base(stage, one.line, source, source)


def _last(*names: str) -> Subjects[Dockerfile]:
    """Those of the final stage that have effect."""

    def find(file: Dockerfile) -> Iterator[_Placed]:
        for stage in file.finals:
            found = (stage.last(name) for name in names)
            yield from (_Placed(stage, one) for one in found if one is not None)

    return " or ".join(names), find


FILE: Subjects[Dockerfile] = "file", lambda file: (file.script.mistakes,)
FINAL: Subjects[Dockerfile] = "final stage", lambda file: file.finals
STAGES: Subjects[Dockerfile] = "stage", lambda file: file.stages
BASES: Subjects[Dockerfile] = "image", _bases
SHIPPED: Subjects[Dockerfile] = (
    "RUN",
    lambda file: (_Placed(*pair) for pair in file.shipped if pair[1].name == "RUN"),
)


def commands_of(one: Instruction) -> Iterator[str]:
    """The simple commands of RUN, as far as splitting tells; none where something else than a shell reads."""
    if one.words is not None:
        yield " ".join(one.words)
        return
    texts = [re.sub(r"(?<!\d)\d*<<-?\s*\S+", "", one.text) if one.heredocs else one.text]
    if not texts[0].strip() or _SHELL.fullmatch(texts[0].partition(" ")[0]):
        texts += (content for content in one.heredocs if not re.match(r"#!(?!.*sh\b)", content))
    for text in texts:
        for piece in _ENDS.split(text.replace("\\\n", " ")):
            words = " ".join(piece.split())
            words = words[match.end() :] if (match := _ASSIGNMENTS.match(f"{words} ")) else words
            if words:
                yield words


@rule("dockerfile-syntax", ERROR, FILE, _REFERENCE)
def _syntax(mistakes: Sequence[Mistake], file: Dockerfile) -> Hits:
    """Every instruction is one that BuildKit takes."""
    return (Hit(mistake.line, "", (mistake.message,)) for mistake in mistakes)


@rule("build-tools-shipped", ERROR, FINAL, "build/building/multi-stage/")
def _build_tools(stage: Stage, file: Dockerfile) -> Hits:
    """No SDK, compiler or build ends in the final image; a stage of its own builds."""
    image = stage.root_image or ""
    name = name_of(image)
    sdk = name.rpartition("/")[2] in _SDKS or name.endswith("dotnet/sdk")
    if sdk or re.search(r"\bjdk\b", tag_of(image)):
        yield Hit(stage.line, stage.place, (image,))
    for pair in SHIPPED[1](file):
        commands = tuple(commands_of(pair.one))
        tool = next(filter(None, map(_build_tool, commands)), "")
        if tool and not any(map(_REMOVES.match, commands)):
            yield pair.hit(tool)


def _build_tool(command: str) -> str:
    """What a command builds with, or installs to build with; empty for others."""
    if _BUILDS.fullmatch(command):
        return " ".join(command.split()[:3])[:60]
    install = _INSTALLS.match(command)
    names = (word.partition("=")[0] for word in (install["packages"].split() if install else ()))
    compilers = (name for name in names if name in _COMPILERS or re.fullmatch(r"openjdk-?\d+-jdk.*", name))
    return next(compilers, "")


@rule("no-user", ERROR, FINAL, _REFERENCE + "#user")
def _no_user(stage: Stage, file: Dockerfile) -> Hits:
    """The final stage has a USER, or what it is built on has one."""
    image = stage.root_image
    if stage.last("USER") is None and image and not is_known_not_root(image, file.not_root):
        yield Hit(stage.line, stage.place, (image,))


@rule("runs-as-root", ERROR, _last("USER"), _REFERENCE + "#user")
def _root(pair: _Placed, file: Dockerfile) -> Hits:
    """The user of the final stage is not root."""
    user = file.known.get(pair.one.line)
    if user is not None and re.fullmatch(r"[+-]?0*|root", user.partition(":")[0]):
        yield pair.hit(user or pair.one.text)


@rule("user-not-known", ERROR, _last("USER"), _REFERENCE + "#user")
def _user_known(pair: _Placed, file: Dockerfile) -> Hits:
    """The user is known: its ARG has a value, or the plan gives it one."""
    if file.known.get(pair.one.line) is None:
        yield pair.hit(pair.one.text)


def is_known_not_root(image: str, more: Iterable[str]) -> bool:
    """Whether an image has another user, by its name and tag or by globs of whole images."""
    name, tag = name_of(image), tag_of(image)
    known = any(fnmatchcase(name, pattern) and fnmatchcase(tag, tags) for pattern, tags in _NOT_ROOT)
    return known or any(fnmatchcase(image, pattern) for pattern in more)


@rule("no-healthcheck", WARNING, FINAL, _REFERENCE + "#healthcheck")
def _no_healthcheck(stage: Stage, file: Dockerfile) -> Hits:
    """The final stage has a HEALTHCHECK, its own or one of a stage that it is built on."""
    one = stage.last("HEALTHCHECK")
    if one is None or one.text.upper() == "NONE":
        yield Hit(stage.line if one is None else one.line, stage.place)


@rule("healthcheck-cannot-fail", ERROR, _last("HEALTHCHECK"), _REFERENCE + "#healthcheck")
def _fake_healthcheck(pair: _Placed, file: Dockerfile) -> Hits:
    """The healthcheck of the final stage can fail."""
    stage, one = pair
    if not re.match(r"(?i)cmd\s+\S", one.text):
        return
    test = ("CMD", *one.words) if one.words else ("CMD-SHELL", one.text[3:].strip())
    shell = stage.last("SHELL")
    why = why_it_proves_nothing(Healthcheck(test=test, shell=(shell.words or ()) if shell else ()))
    if why:
        yield Hit(one.line, stage.place, (why,))


@rule("base-unpinned", ERROR, BASES, _PRACTICES + "#pin-base-image-versions")
def _base(base: _Base, file: Dockerfile) -> Hits:
    """Each image that is built on or copied from has a digest, or a tag other than latest."""
    if base.image and base.image != SCRATCH and not is_pinned(base.image):
        yield Hit(base.line, f"{base.stage.place}/{name_of(base.image)}", (base.image,))


@rule("base-not-known", ERROR, BASES, _REFERENCE + "#understand-how-arg-and-from-interact")
def _base_known(base: _Base, file: Dockerfile) -> Hits:
    """Each image that is built on or copied from is known: its ARG has a value, or the plan gives it one."""
    if base.image is None:
        yield Hit(base.line, f"{base.stage.place}/{base.written}", (base.written,))


@rule("secret-in-env", ERROR, _every("ENV", "ARG"), "build/building/secrets/")
def _secret(pair: _Placed, file: Dockerfile) -> Hits:
    """No ENV or ARG holds a secret: it stays in the image or its history."""
    for name, value in pair.one.pairs:
        if any(secrets_in_variable(name, value or "")):
            yield pair.hit(pair.one.name, name, of=name)


@rule("secret-in-arg", WARNING, _every("ARG"), "build/building/secrets/")
def _secret_argument(pair: _Placed, file: Dockerfile) -> Hits:
    """No build argument is for a secret: what is given for it stays in the history."""
    return (
        pair.hit(name, of=name) for name, value in pair.one.pairs if not value and is_secret(name, "a value")
    )


@rule(
    "secret-in-instruction",
    ERROR,
    _every("RUN", "COPY", "ADD", "CMD", "ENTRYPOINT", "HEALTHCHECK", "LABEL"),
    "build/building/secrets/",
)
def _secret_in_instruction(pair: _Placed, file: Dockerfile) -> Hits:
    """No secret stands in a command, a here-document or a label: it stays in the history, and in the file."""
    one = pair.one
    texts = (one.text if one.words is None else " ".join(one.words), *one.heredocs)
    for what in dict.fromkeys(found.what for text in texts for found in secrets_in_command(text)):
        yield pair.hit(one.name, what, of=one.name)


@rule("add-of-url", WARNING, _every("ADD"), _REFERENCE + "#add---checksum")
def _add_url(pair: _Placed, file: Dockerfile) -> Hits:
    """What ADD downloads is held to a checksum, or to a tag or commit of a repository."""
    for source in _sources(pair.one):
        if _REMOTE.match(source) and not _FIXED.search(source) and pair.one.flag("checksum") is None:
            yield pair.hit(source)


@rule("add-of-local-file", WARNING, _every("ADD"), _PRACTICES + "#add-or-copy")
def _add_local(pair: _Placed, file: Dockerfile) -> Hits:
    """COPY takes what is in the context; ADD is for archives that it unpacks and for URLs."""
    for source in _sources(pair.one):
        if not re.match(r"\w+://|git@|\d*<<", source) and not _ARCHIVE.search(source):
            yield pair.hit(source, of=source)


def _sources(one: Instruction) -> list[str]:
    words = list(one.words) if one.words is not None else [unquote(word) for word in split_words(one.text)]
    return words[:-1]


@rule("apt-cache", WARNING, SHIPPED, _PRACTICES + "#apt-get")
def _apt(pair: _Placed, file: Dockerfile) -> Hits:
    """What apt-get update writes is removed in the same RUN, or is in a cache mount."""
    return _cache(pair, r"apt(?:-get)? (?:-\S+ )*update\b", r"rm .*/var/lib/apt", "/var/lib/apt")


@rule("apk-cache", WARNING, SHIPPED, "https://wiki.alpinelinux.org/wiki/Alpine_Package_Keeper")
def _apk(pair: _Placed, file: Dockerfile) -> Hits:
    """apk add is given --no-cache, or its cache is removed in the same RUN, or is a mount."""
    fills = r"apk (?!.*--no-cache).*\b(?:add|update|upgrade)\b"
    return _cache(pair, fills, r"rm .*/(?:var|etc)/(?:cache/)?apk", "apk")


@rule("pip-cache", WARNING, SHIPPED, "https://pip.pypa.io/en/stable/topics/caching/#disabling-caching")
def _pip(pair: _Placed, file: Dockerfile) -> Hits:
    """pip install is given --no-cache-dir or PIP_NO_CACHE_DIR, or its cache is removed, or is a mount."""
    own = re.search(r"\bPIP_NO_CACHE_DIR=[^0f\s]", pair.one.text)
    if not own and not file.environment.get("PIP_NO_CACHE_DIR"):
        fills = r"(?:python[\d.]* -m )?pip[\d.]* (?!.*--no-cache-dir)(?:-\S+ )*install\b"
        yield from _cache(pair, fills, r"rm .*\.cache|pip[\d.]* cache purge", ".cache")


def _cache(pair: _Placed, fills: str, empties: str, mount: str) -> Hits:
    """A command that fills a cache, in a RUN that neither empties it nor has it mounted."""
    commands = tuple(commands_of(pair.one))
    command = next((command for command in commands if re.match(fills, command)), None)
    mounts = (value for value in pair.one.flags_of("mount") if re.search("type=(?:cache|tmpfs)", value))
    mounted = any(mount in value for value in mounts)
    if command is not None and not mounted and not any(re.match(empties, one) for one in commands):
        yield pair.hit(" ".join(command.split()[:2]))


@rule(
    "copy-without-ignore-file", WARNING, _every("COPY", "ADD"), "build/concepts/context/#dockerignore-files"
)
def _copy_all(pair: _Placed, file: Dockerfile) -> Hits:
    """Where all of the context is copied, a .dockerignore keeps out what is not for the image."""
    if not file.ignore_file and pair.one.flag("from") is None and {".", "./", "/"} & {*_sources(pair.one)}:
        yield pair.hit(pair.one.name)


@rule("sudo", WARNING, _every("RUN"), _PRACTICES + "#user")
def _sudo(pair: _Placed, file: Dockerfile) -> Hits:
    """RUN has the rights of USER, so nothing needs sudo."""
    if any(command.startswith("sudo ") for command in commands_of(pair.one)):
        yield pair.hit()


@rule("command-repeated", WARNING, STAGES, _REFERENCE + "#cmd")
def _repeated(stage: Stage, file: Dockerfile) -> Hits:
    """A stage has one CMD, one ENTRYPOINT and one HEALTHCHECK: only the last of each has effect."""
    for name in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        found = [one for one in stage.instructions if one.name == name]
        for one in found[:-1]:
            yield _Placed(stage, one).hit(name, found[-1].line, of=name)


@rule("entrypoint-in-shell-form", WARNING, _last("ENTRYPOINT"), _REFERENCE + "#shell-form-entrypoint-example")
def _shell_form(pair: _Placed, file: Dockerfile) -> Hits:
    """ENTRYPOINT is a JSON list, or begins with exec, so that the program gets the signal to stop."""
    line = _ASSIGNMENTS.sub("", pair.one.text, count=1) if pair.one.words is None else ""
    if line and not line.startswith(("exec ", "[")):
        yield pair.hit(line.split()[0][:60])


@rule("command-not-json", ERROR, _last("ENTRYPOINT", "CMD"), _REFERENCE + "#exec-form")
def _not_json(pair: _Placed, file: Dockerfile) -> Hits:
    """What stands in brackets is JSON with double quotes; else a shell looks for a program called [."""
    if pair.one.words is None and re.match(r"\[(?! )", pair.one.text):
        yield pair.hit(pair.one.name)

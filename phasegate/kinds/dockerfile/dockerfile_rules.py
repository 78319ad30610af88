"""Rules of Dockerfiles: what the image that they make is fit for; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from phasegate.base.secret_shapes import is_secret, secrets_in_variable
from phasegate.inspection.finding import Severity
from phasegate.kinds.dockerfile.look import Family, Hit, Hits
from phasegate.kinds.dockerfile.reader import Instruction, Mistake, split_words, unquote
from phasegate.kinds.dockerfile.references import is_pinned, name_of, tag_of
from phasegate.kinds.dockerfile.stages import SCRATCH, Dockerfile, Stage
from phasegate.kinds.healthchecks.healthcheck import why_it_proves_nothing
from phasegate.model.containers import Healthcheck

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
OF_STAGE = tuple[Stage, Instruction]

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
    r"\b(?:apt-get|apt)\b[^&;|\n]*\b(?:purge|remove|autoremove)\b|\bapk\b[^&;|\n]*\bdel\b"
    r"|\b(?:dnf|microdnf|yum)\b[^&;|\n]*\b(?:remove|erase)\b"
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
_ASSIGNMENTS = re.compile(r"(?:[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|\S*)\s+)+")

rule = Family[Dockerfile]("dockerfile", "https://docs.docker.com/")
_REFERENCE = "reference/dockerfile/"
_PRACTICES = "build/building/best-practices/"


def commands_of(one: Instruction) -> Iterator[str]:
    """The simple commands of RUN, without quotes' meaning; none where something else than a shell reads."""
    if one.words is not None:
        yield " ".join(one.words)
        return
    texts = [re.sub(r"\d*<<-?\s*\S+", "", one.text) if one.heredocs else one.text]
    if not texts[0].strip() or _SHELL.fullmatch(texts[0].partition(" ")[0]):
        texts += (content for content in one.heredocs if not re.match(r"#!(?!.*sh\b)", content))
    for text in texts:
        for piece in _ENDS.split(text.replace("\\\n", " ")):
            words = " ".join(piece.split())
            words = words[match.end() :] if (match := _ASSIGNMENTS.match(f"{words} ")) else words
            if words:
                yield words


def _stage(file: Dockerfile) -> Iterator[Stage]:
    return iter(file.finals)


def _stages(file: Dockerfile) -> Iterator[Stage]:
    return iter(file.stages)


def _mistakes(file: Dockerfile) -> Iterator[Sequence[Mistake]]:
    yield file.script.mistakes


def _every(*names: str) -> Callable[[Dockerfile], Iterator[OF_STAGE]]:
    return lambda file: (pair for pair in file.instructions if pair[1].name in names)


def _shipped(*names: str) -> Callable[[Dockerfile], Iterator[OF_STAGE]]:
    return lambda file: (pair for pair in file.shipped if pair[1].name in names)


@rule(
    "dockerfile-syntax",
    ERROR,
    "file",
    _mistakes,
    "Every instruction is one that BuildKit takes.",
    _REFERENCE,
)
def _syntax(mistakes: Sequence[Mistake], file: Dockerfile) -> Hits:
    for mistake in mistakes:
        yield Hit(mistake.line, "", (mistake.message,))


@rule(
    "build-tools-shipped",
    ERROR,
    "final stage",
    _stage,
    "No SDK, compiler or build ends in the final image; a stage of its own builds.",
    "build/building/multi-stage/",
)
def _build_tools(stage: Stage, file: Dockerfile) -> Hits:
    image = stage.root_image or ""
    if name_of(image).rpartition("/")[2] in _SDKS or re.search(r"dotnet/sdk$|\bjdk\b", _name_and_tag(image)):
        yield Hit(stage.line, stage.place, (image,))
    for owner, one in file.shipped:
        if one.name == "RUN" and not _REMOVES.search("\n".join((one.text, *one.heredocs))):
            tool = next(filter(None, map(_build_tool, commands_of(one))), "")
            if tool:
                yield Hit(one.line, owner.place, (tool,))


def _name_and_tag(image: str) -> str:
    name = name_of(image)
    return name if name.endswith("dotnet/sdk") else tag_of(image)


def _build_tool(command: str) -> str:
    """What a command builds with, or installs to build with; empty for others."""
    if _BUILDS.fullmatch(command):
        return " ".join(command.split()[:3])[:60]
    install = _INSTALLS.match(command)
    packages = install["packages"].split() if install else ()
    names = (package.partition("=")[0] for package in packages)
    return next(
        (name for name in names if name in _COMPILERS or re.fullmatch(r"openjdk-?\d+-jdk.*", name)), ""
    )


@rule(
    "no-user",
    ERROR,
    "final stage",
    _stage,
    "The final stage has a USER, its own or one of a stage or an image that it is built on.",
    _REFERENCE + "#user",
)
def _no_user(stage: Stage, file: Dockerfile) -> Hits:
    image = stage.root_image
    if stage.last("USER") is None and image and not is_known_not_root(image, file.not_root):
        yield Hit(stage.line, stage.place, (image,))


@rule(
    "runs-as-root",
    ERROR,
    "final stage",
    _stage,
    "The user of the final stage is another than root.",
    _REFERENCE + "#user",
)
def _root(stage: Stage, file: Dockerfile) -> Hits:
    user, one = _user_of(stage)
    name = (user or "").partition(":")[0]
    if one is not None and user is not None and (name in ("", "root") or name.strip("0") == ""):
        yield Hit(one.line, stage.place, (user or one.text,))


@rule(
    "user-not-known",
    WARNING,
    "final stage",
    _stage,
    "The user of the final stage can be told from the file: no variable without a value stands for it.",
    _REFERENCE + "#user",
)
def _user_known(stage: Stage, file: Dockerfile) -> Hits:
    user, one = _user_of(stage)
    if one is not None and user is None:
        yield Hit(one.line, stage.place, (one.text,))
    elif one is None and stage.root_image is None:
        yield Hit(stage.line, stage.place, (stage.lineage[0].written,))


def _user_of(stage: Stage) -> tuple[str | None, Instruction | None]:
    """The user that has effect, None where a variable is not known, and where it is set."""
    one = stage.last("USER")
    return (None, None) if one is None else (stage.expand(unquote(one.text), one), one)


def is_known_not_root(image: str, more: Iterable[str]) -> bool:
    """Whether an image has another user, by its name and tag or by globs of whole images."""
    name, tag = name_of(image), tag_of(image)
    known = any(fnmatchcase(name, pattern) and fnmatchcase(tag, tags) for pattern, tags in _NOT_ROOT)
    return known or any(fnmatchcase(image, pattern) for pattern in more)


@rule(
    "no-healthcheck",
    WARNING,
    "final stage",
    _stage,
    "The final stage has a HEALTHCHECK, its own or one of a stage that it is built on.",
    _REFERENCE + "#healthcheck",
)
def _no_healthcheck(stage: Stage, file: Dockerfile) -> Hits:
    one = stage.last("HEALTHCHECK")
    if one is None or one.text.upper() == "NONE":
        yield Hit(stage.line if one is None else one.line, stage.place)


@rule(
    "healthcheck-cannot-fail",
    ERROR,
    "healthcheck",
    lambda file: filter(None, (stage.last("HEALTHCHECK") for stage in file.finals)),
    "The healthcheck of the final stage can fail.",
    _REFERENCE + "#healthcheck",
)
def _fake_healthcheck(one: Instruction, file: Dockerfile) -> Hits:
    assert file.final is not None
    if not re.match(r"(?i)cmd\s+\S", one.text):
        return
    test = ("CMD", *one.words) if one.words else ("CMD-SHELL", one.text[3:].strip())
    shell = file.final.last("SHELL")
    check = Healthcheck(test=test, shell=(shell.words or ()) if shell else ())
    why = why_it_proves_nothing(check)
    if why:
        yield Hit(one.line, file.final.place, (why,))


def _bases(file: Dockerfile) -> Iterator[tuple[Stage, int, str, str | None]]:
    """What stages are built on and what they copy from, without other stages: line, as written, in full."""
    names = {stage.name or f"{stage.number}" for stage in file.stages}
    names |= {f"{stage.number}" for stage in file.stages}
    for stage in file.stages:
        if stage.base is None:
            yield stage, stage.line, stage.written, stage.image
    for stage, one in file.instructions:
        source = one.flag("from") if one.name == "COPY" else None
        if source and source.lower() not in names:
            image = stage.expand(source, one)
            if image is None or image.lower() not in names:
                yield stage, one.line, source, image


@rule(
    "base-unpinned",
    ERROR,
    "image",
    _bases,
    "Each image that is built on or copied from has a digest, or a tag other than latest.",
    _PRACTICES + "#pin-base-image-versions",
)
def _base(base: tuple[Stage, int, str, str | None], file: Dockerfile) -> Hits:
    stage, line, _, image = base
    if image and image != SCRATCH and not is_pinned(image):
        yield Hit(line, f"{stage.place}/{name_of(image)}", (image,))


@rule(
    "base-not-known",
    WARNING,
    "image",
    _bases,
    "Each image that is built on or copied from can be told from the file: its ARG has a value.",
    _REFERENCE + "#understand-how-arg-and-from-interact",
)
def _base_known(base: tuple[Stage, int, str, str | None], file: Dockerfile) -> Hits:
    stage, line, written, image = base
    if image is None:
        yield Hit(line, f"{stage.place}/{written}", (written,))


@rule(
    "secret-in-env",
    ERROR,
    "ENV and ARG",
    _every("ENV", "ARG"),
    "No ENV or ARG holds a secret: it stays in the image or its history.",
    "build/building/secrets/",
)
def _secret(pair: OF_STAGE, file: Dockerfile) -> Hits:
    stage, one = pair
    for name, value in one.pairs:
        if any(secrets_in_variable(name, value or "")):
            yield Hit(one.line, f"{stage.place}/{name}", (one.name, name))


@rule(
    "secret-in-arg",
    WARNING,
    "ARG",
    _every("ARG"),
    "No build argument is for a secret: what is given for it stays in the history of the image.",
    "build/building/secrets/",
)
def _secret_argument(pair: OF_STAGE, file: Dockerfile) -> Hits:
    stage, one = pair
    for name, value in one.pairs:
        if not value and is_secret(name, "a value"):
            yield Hit(one.line, f"{stage.place}/{name}", (name,))


@rule(
    "add-of-url",
    WARNING,
    "ADD",
    _every("ADD"),
    "What ADD downloads is held to a checksum, or to a tag or commit of a repository.",
    _REFERENCE + "#add---checksum",
)
def _add_url(pair: OF_STAGE, file: Dockerfile) -> Hits:
    stage, one = pair
    for source in _sources(one):
        remote = re.match(r"https?://|git@|git://|ssh://", source)
        fixed = re.search(
            r"\.git(?:#(?!(?:main|master|HEAD)?(?:$|:))|\?.*\b(?:commit|tag|checksum)=)", source
        )
        if remote and not fixed and one.flag("checksum") is None:
            yield Hit(one.line, stage.place, (source,))


@rule(
    "add-of-local-file",
    WARNING,
    "ADD",
    _every("ADD"),
    "COPY takes what is in the context; ADD is for archives that it unpacks and for URLs.",
    _PRACTICES + "#add-or-copy",
)
def _add_local(pair: OF_STAGE, file: Dockerfile) -> Hits:
    stage, one = pair
    for source in _sources(one):
        if not re.match(r"\w+://|git@|\d*<<", source) and not _ARCHIVE.search(source):
            yield Hit(one.line, f"{stage.place}/{source}", (source,))


def _sources(one: Instruction) -> list[str]:
    words = list(one.words) if one.words is not None else [unquote(word) for word in split_words(one.text)]
    return words[:-1]


@rule(
    "apt-cache",
    WARNING,
    "RUN",
    _shipped("RUN"),
    "What apt-get update writes is removed in the same RUN, or is in a cache mount.",
    _PRACTICES + "#apt-get",
)
def _apt(pair: OF_STAGE, file: Dockerfile) -> Hits:
    return _cache(pair, r"apt(?:-get)? (?:-\S+ )*update\b", r"\brm\b[^&;|\n]*/var/lib/apt", "/var/lib/apt")


@rule(
    "apk-cache",
    WARNING,
    "RUN",
    _shipped("RUN"),
    "apk add is given --no-cache, or its cache is removed in the same RUN, or is a mount.",
    "https://wiki.alpinelinux.org/wiki/Alpine_Package_Keeper#Examples_3",
)
def _apk(pair: OF_STAGE, file: Dockerfile) -> Hits:
    kept = r"\brm\b[^&;|\n]*/(?:var|etc)/(?:cache/)?apk"
    return _cache(pair, r"apk (?!.*--no-cache).*\b(?:add|update|upgrade)\b", kept, "apk")


@rule(
    "pip-cache",
    WARNING,
    "RUN",
    _shipped("RUN"),
    "pip install is given --no-cache-dir or PIP_NO_CACHE_DIR, or its cache is a mount.",
    "https://pip.pypa.io/en/stable/topics/caching/#disabling-caching",
)
def _pip(pair: OF_STAGE, file: Dockerfile) -> Hits:
    switched_off = any(
        name == "PIP_NO_CACHE_DIR" and value
        for one in (file.final.layers if file.final else ())
        for name, value in (one.pairs if one.name == "ENV" else ())
    )
    if not switched_off:
        asks = r"(?:python[\d.]* -m )?pip[\d.]* (?!.*--no-cache-dir)(?:-\S+ )*install\b"
        kept = r"\brm\b[^&;|\n]*\.cache|\bpip[\d.]* cache purge|PIP_NO_CACHE_DIR=[^0f\s]"
        yield from _cache(pair, asks, kept, ".cache")


def _cache(pair: OF_STAGE, asks: str, removes: str, mount: str) -> Hits:
    """A command that fills a cache, in a RUN that neither empties it nor has it mounted."""
    stage, one = pair
    mounts = [value for value in one.flags_of("mount") if "type=cache" in value or "type=tmpfs" in value]
    if any(mount in value for value in mounts):
        return
    command = next((command for command in commands_of(one) if re.match(asks, command)), None)
    if command is not None and not re.search(removes, "\n".join((one.text, *one.heredocs))):
        yield Hit(one.line, stage.place, (" ".join(command.split()[:2]),))


@rule(
    "copy-without-ignore-file",
    WARNING,
    "COPY",
    _every("COPY", "ADD"),
    "Where all of the context is copied, a .dockerignore keeps out what is not for the image.",
    "build/concepts/context/#dockerignore-files",
)
def _copy_all(pair: OF_STAGE, file: Dockerfile) -> Hits:
    stage, one = pair
    if not file.ignore_file and one.flag("from") is None and {".", "./", "/"} & set(_sources(one)):
        yield Hit(one.line, stage.place, (one.name,))


@rule("sudo", WARNING, "RUN", _every("RUN"), "RUN has the rights of USER, so nothing needs sudo.",
      _PRACTICES + "#user")  # fmt: skip
def _sudo(pair: OF_STAGE, file: Dockerfile) -> Hits:
    stage, one = pair
    if any(command.startswith("sudo ") for command in commands_of(one)):
        yield Hit(one.line, stage.place)


@rule(
    "command-repeated",
    WARNING,
    "stage",
    _stages,
    "A stage has one CMD, one ENTRYPOINT and one HEALTHCHECK: only the last of each has effect.",
    _REFERENCE + "#cmd",
)
def _repeated(stage: Stage, file: Dockerfile) -> Hits:
    for name in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        found = [one for one in stage.instructions if one.name == name]
        if len(found) > 1:
            yield Hit(found[0].line, f"{stage.place}/{name}", (name, found[-1].line))


def _started(file: Dockerfile) -> Iterator[Instruction]:
    for stage in file.finals:
        yield from filter(None, (stage.last("ENTRYPOINT"), stage.last("CMD")))


@rule(
    "entrypoint-in-shell-form",
    WARNING,
    "ENTRYPOINT",
    lambda file: (one for one in _started(file) if one.name == "ENTRYPOINT"),
    "ENTRYPOINT is a JSON list, or begins with exec, so that the program gets the signal to stop.",
    _REFERENCE + "#shell-form-entrypoint-example",
)
def _shell_form(one: Instruction, file: Dockerfile) -> Hits:
    if one.words is None and one.text and not one.text.startswith(("exec ", "[")):
        yield Hit(one.line, file.final.place if file.final else "", (one.text.split()[0][:60],))


@rule(
    "command-not-json",
    ERROR,
    "ENTRYPOINT or CMD",
    _started,
    "What stands in brackets is JSON with double quotes; else a shell looks for a program called [.",
    _REFERENCE + "#exec-form",
)
def _not_json(one: Instruction, file: Dockerfile) -> Hits:
    if one.words is None and re.match(r"\[(?! )", one.text):
        yield Hit(one.line, file.final.place if file.final else "", (one.name,))

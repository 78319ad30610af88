"""Whether a link to a runbook leads somewhere, as far as the tree of files tells."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from phasegate.base.errors import ObservationError
from phasegate.base.files import is_file, is_there, read_file

_SIZE = 4 << 20
_FILE = re.compile(
    r"/(?P<repository>[^/]+/[^/]+)(?:/-)?/(?:blob|tree|src)/(?:branch/)?(?P<ref>[^/]+)/(?P<path>.+)"
)
_REFS = ("main", "master", "HEAD", "trunk")
_NOWHERE = re.compile(r"(?:.*\.)?(?:example|invalid|test|example\.(?:com|net|org))")
"""Hosts that lead nowhere. Source: RFC 2606."""
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+)$", re.MULTILINE)
_NAMED = re.compile(r"\b(?:id|name)\s*=\s*[\"']([^\"']+)")


class Runbooks:
    """The pages of a tree of files."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._anchors: dict[str, frozenset[str]] = {}
        try:
            config = read_file(self._root / ".git" / "config", ".git/config", _SIZE)
        except ObservationError:
            config = b""
        self._config = config.decode(errors="replace").lower()
        """Names the repository of the tree."""

    def problem_of(self, url: str, file: str) -> str:
        """Why a link in a file leads nowhere; empty where it leads somewhere, or the tree does not tell."""
        try:
            split = urlsplit(url.strip())
            host = split.hostname or ""
        except ValueError:
            return "it is no URL"
        if split.scheme or split.netloc:
            if split.scheme not in ("http", "https") or not host:
                return "it is no address that a browser opens"
            if _NOWHERE.fullmatch(host):
                return f"{host} is a name for examples"
            return self._in_repository(split.path, split.fragment)
        path = unquote(split.path)
        if not path:
            return "it names no page"
        beside = PurePosixPath(file).parent / path
        for name in (path.lstrip("/"), beside.as_posix()):
            if self._is_page(name):
                return self._anchor(name, split.fragment)
        return "there is no such file"

    def _in_repository(self, path: str, fragment: str) -> str:
        """Of pages of this repository, the file is here."""
        found = _FILE.fullmatch(path)
        if found is None or found["ref"] not in _REFS or not self._is_ours(found["repository"]):
            return ""
        name = unquote(found["path"])
        if not is_there(self._root / name):
            return f"the repository has no {name}"
        return self._anchor(name, fragment)

    def _is_ours(self, repository: str) -> bool:
        name = re.escape(repository.lower())
        return re.search(rf"[/:]{name}(?:\.git)?\s*$", self._config, re.MULTILINE) is not None

    def _is_page(self, name: str) -> bool:
        try:
            path = (self._root / name).resolve()
        except (OSError, ValueError):
            return False
        return path.is_relative_to(self._root) and is_file(path)

    def _anchor(self, name: str, fragment: str) -> str:
        if not fragment or not name.endswith(".md") or not self._is_page(name):
            return ""
        if name not in self._anchors:
            try:
                text = read_file(self._root / name, name, _SIZE).decode(errors="replace")
            except ObservationError:
                return ""
            self._anchors[name] = frozenset(anchors_of(text))
        known = unquote(fragment).lower() in self._anchors[name]
        return "" if known else f"{name} has no section #{fragment}"


def anchors_of(text: str) -> set[str]:
    """The anchors of a page in Markdown, by the rule of GitHub: headings in lower case, spaces as hyphens,
    other signs left out, a number behind the second of a name."""
    anchors = {name.lower() for name in _NAMED.findall(text)}
    slugs: Counter[str] = Counter()
    for heading in _HEADING.findall(text):
        words = re.sub(r"\[([^\[\]]*)\]\([^()]*\)", r"\1", heading.strip().rstrip("#").strip()).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        anchors.add(f"{slug}-{slugs[slug]}" if slugs[slug] else slug)
        slugs[slug] += 1
    return anchors

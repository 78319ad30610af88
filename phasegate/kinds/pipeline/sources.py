"""The files of a repository, read as they are asked for, each once."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from phasegate.base.errors import ObservationError
from phasegate.base.yaml import Dialect, Document
from phasegate.inspection.finding import Finding
from phasegate.inspection.tree import Text, Tree, read_texts, read_yaml, walk


class Sources:
    """YAML files below a folder; nothing outside of it is read but what the plan names."""

    def __init__(self, tree: Tree) -> None:
        """`tree`: the files that the plan names."""
        self._root = tree.root
        self._named = frozenset(tree.names)
        self._texts: dict[str, Text | None] = {}
        self._documents: dict[tuple[str, Dialect], tuple[Document, ...]] = {}
        self._findings: dict[str, list[Finding]] = {}

    def read(self, name: str, dialect: Dialect) -> Document | None:
        """The document of a file that counts: the first, or what follows a header of GitLab (`spec`); None
        where there is no such file, or nothing to be read of it."""
        documents = self.documents(name, dialect)
        first = documents[0].tree if documents else None
        has_header = len(documents) > 1 and isinstance(first, dict) and "spec" in first
        return documents[has_header] if documents else None

    def documents(self, name: str, dialect: Dialect) -> tuple[Document, ...]:
        if (name, dialect) not in self._documents:
            text = self.text(name)
            read = list(read_yaml([text], dialect)) if text else []
            self._documents[name, dialect] = tuple(one for one in read if isinstance(one, Document))
            self._findings.setdefault(name, []).extend(one for one in read if isinstance(one, Finding))
        return self._documents[name, dialect]

    def text(self, name: str) -> Text | None:
        if name not in self._texts:
            read = [one for found in self.find(name) for one in self._read(found)]
            self._texts[name] = next((one for one in read if isinstance(one, Text)), None)
            self._findings.setdefault(name, []).extend(one for one in read if isinstance(one, Finding))
        return self._texts[name]

    def find(self, pattern: str) -> tuple[str, ...]:
        """The files that a path or glob of a pipeline stands for."""
        if pattern in self._named:
            return (pattern,)
        pattern = posixpath.normpath(pattern.lstrip("/") or ".")
        if pattern.startswith("..") or pattern == "." or "\0" in pattern:
            return ()
        try:
            return walk(self._root, [pattern]).names
        except ObservationError:
            return ()

    def unreadable(self, name: str) -> bool:
        """Whether a file is there, and it cannot be read."""
        return bool(self._findings.get(name))

    def findings(self) -> Iterator[Finding]:
        """What keeps files from being read."""
        for findings in self._findings.values():
            yield from findings

    def _read(self, name: str) -> Iterator[Text | Finding]:
        return read_texts(Tree(root=self._root, names=(name,)))

"""Manifests: files, what Kustomize and Helm make, and the objects in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Message, fact
from phasegate.base.tree import TreePath
from phasegate.base.yaml import Dialect, Document
from phasegate.inspection.finding import Finding, some_files
from phasegate.inspection.tool import NotVerified, Ran, Tool, find_program, run_tool
from phasegate.inspection.tree import Text, read_yaml
from phasegate.kinds.kubernetes.objects import KubeObject, items, text
from phasegate.kinds.kubernetes.params import Chart, KubernetesParams
from phasegate.world import World

DIALECT = Dialect(old_words=True, plain=True, depth=100)
_KUSTOMIZE = Tool(name="kustomize", install="https://kubectl.docs.kubernetes.io", version=("version",))
_KUBECTL = Tool(
    name="kubectl", install="https://kubernetes.io/docs/tasks/tools/", version=("version", "--client")
)
_HELM = Tool(name="helm", install="https://helm.sh/docs/intro/install/", version=("version",))
_KUSTOMIZATION = re.compile(r"(?:.*/)?[kK]ustomization(?:\.ya?ml)?")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an object stands."""

    document: Document
    path: TreePath = ()
    """Of the object in its document."""

    def line(self, path: TreePath) -> int:
        return self.document.key_at((*self.path, *path)).line


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    objects: tuple[KubeObject, ...]
    findings: tuple[Finding, ...]
    """What could not be read."""
    strays: tuple[Document, ...]
    """Documents that are no object."""
    notes: tuple[Message, ...] = ()


def read_manifests(texts: Iterable[Text | Finding], variables: Mapping[str, str]) -> Manifests:
    """The objects of files. Files of Kustomize are none of the cluster and are left out by name."""
    left_out: list[str] = []
    findings: list[Finding] = []
    documents: list[Document] = []
    for one in texts:
        if isinstance(one, Finding):
            findings.append(one)
        elif _KUSTOMIZATION.fullmatch(one.name):
            left_out.append(one.name)
        else:
            filled = _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), one.content)
            for read in read_yaml([Text(name=one.name, content=filled)], DIALECT):
                if isinstance(read, Finding):
                    findings.append(read)
                else:
                    documents.append(read)
    objects: list[KubeObject] = []
    strays: list[Document] = []
    for document in documents:
        found = tuple(_objects(document.tree, Origin(document=document)))
        objects += found
        strays += [] if found or _is_empty_list(document.tree) else [document]
    notes = (some_files(Code.FILES_LEFT_OUT, left_out, n=len(left_out)),) if left_out else ()
    return Manifests(objects=tuple(objects), findings=tuple(findings), strays=tuple(strays), notes=notes)


def _objects(tree: object, origin: Origin) -> Iterator[KubeObject]:
    """An object, or those of a list of them; an item that is none is one without a kind."""
    if not isinstance(tree, dict):
        if origin.path:
            yield KubeObject(tree={}, origin=origin)
        return
    kind = text(tree.get("kind"))
    if kind.endswith("List") and isinstance(tree.get("items"), list):
        for index, item in enumerate(tree["items"]):
            if isinstance(item, dict) and kind != "List":
                # The items of a list of one kind need not name it.
                item = {"apiVersion": tree.get("apiVersion"), "kind": kind.removesuffix("List")} | item
            yield from _objects(item, Origin(document=origin.document, path=(*origin.path, "items", index)))
    else:
        yield KubeObject(tree=tree, origin=origin)


def _is_empty_list(tree: object) -> bool:
    return isinstance(tree, dict) and not items(tree.get("items")) and text(tree.get("kind")).endswith("List")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What Kustomize and Helm made."""

    texts: tuple[Text, ...]
    """Each under the name of its folder."""
    unproven: Mapping[str, Message]
    """Why there is nothing of a folder."""
    notes: tuple[Message, ...]


async def render(params: KubernetesParams, world: World) -> Rendered:
    texts: list[Text] = []
    unproven: dict[str, Message] = {}
    notes: list[Message] = []
    for name, tool, arguments in _jobs(params, world):
        ran = await run_tool(tool, arguments, world)
        if isinstance(ran, NotVerified):
            unproven[name] = ran.why
        elif ran.completed.exit_code != 0:
            unproven[name] = _failed(tool, ran)
        elif not ran.completed.stdout.strip():
            unproven[name] = fact(Code.NO_KUBERNETES_OBJECT, names=(name,))
        else:
            texts.append(Text(name=name, content=ran.completed.stdout.decode("utf-8", "replace")))
            notes.append(fact(Code.RENDERED_BY, name=name, tool=ran.tool))
    return Rendered(texts=tuple(texts), unproven=unproven, notes=tuple(notes))


def _jobs(params: KubernetesParams, world: World) -> Iterator[tuple[str, Tool, tuple[str, ...]]]:
    """What to run for each folder."""
    there = [find_program(tool.name, world.environment) is not None for tool in (_KUSTOMIZE, _KUBECTL)]
    by_kubectl = there == [False, True]
    for folder in params.kustomize:
        tool, command = (_KUBECTL, "kustomize") if by_kubectl else (_KUSTOMIZE, "build")
        yield folder, tool, (command, folder)
    for one in params.helm:
        yield one.chart, _HELM, _template(one)


def _template(one: Chart) -> tuple[str, ...]:
    values = (word for file in one.values for word in ("--values", file))
    options = ("--namespace", one.namespace, "--include-crds", "--skip-tests")
    return ("template", one.release, one.chart, *options, *values)


def _failed(tool: Tool, ran: Ran) -> Message:
    completed = ran.completed
    return fact(Code.TOOL_FAILED, program=tool.name, why=completed.ending, text=completed.last_words[:300])

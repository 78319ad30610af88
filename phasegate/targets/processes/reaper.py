"""Ends what a run started when phasegate dies without having the chance to do it (SIGKILL, out of memory).

Run as a program of its own, with nothing but the standard library, in a session of its own. Its input is a
pipe that only phasegate holds open; the end of it means that phasegate is gone, whatever the way. The lines
are `+<group>` and `-<group>` for process groups, and `=<assignment>` for an environment variable that all
have which the run starts: on Linux it finds those who left their group, and those started in the last
moment. `@<engine> <label>` and `~<engine> <label>` are for what carries a label on a container engine that
is reached by a Unix socket or plain TCP, `!<json>` and `?<key>` for a promise to put back what was done to
such an engine on purpose (`key`, `engine`, and `calls` of method, path and body), `><folder>` and
`<<folder>` for a temporary folder, `&<folder>` and `v<folder>` for the folder of a record that is being
written. `^<pid>` names another guard that does all this, if it lives: it is waited for, and what it has left
is ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

EVENTS, EVIDENCE = "events.jsonl", "evidence"
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_POLL = 0.05
_PROC = Path("/proc")
_ROUNDS = 10
"""Looks at what an engine still has: it may be making more of what was asked for before."""
_BETWEEN = 0.3
_ANSWERS = 60.0
_PATIENCE = 600.0
"""Seconds that another guard gets for its work, containers of a slow engine included."""


def main() -> None:
    groups: set[int] = set()
    marks: set[bytes] = set()
    labels: set[str] = set()
    promises: dict[str, dict[str, Any]] = {}
    folders: set[str] = set()
    records: set[str] = set()
    other = 0
    for line in sys.stdin:
        word = line[1:].strip()
        match line[0]:
            case "+":
                groups.add(int(word))
            case "-":
                groups.discard(int(word))
            case "=":
                marks.add(word.encode())
            case "@":
                labels.add(word)
                _http()
            case "~":
                labels.discard(word)
            case "!":
                promise = json.loads(word)
                promises[promise["key"]] = promise
                _http()
            case "?":
                promises.pop(word, None)
            case ">":
                folders.add(word)
            case "<":
                folders.discard(word)
            case "^":
                other = int(word)
            case "&":
                records.add(word)
            case "v":
                records.discard(word)
    _wait_for(other)
    deadline = time.monotonic() + GRACE
    left = _send(groups, marks, signal.SIGTERM)
    _send(groups, marks, signal.SIGCONT)  # one that is stopped sees SIGTERM only when it goes on
    while left and time.monotonic() < deadline:
        time.sleep(_POLL)
        left = _send(groups, marks, 0)
    _send(groups, marks, signal.SIGKILL)
    # Before and after what containers are ended, which takes long and may write as well.
    for word in records:
        clear_evidence(Path(word))
    for word in labels:
        engine, _, label = word.partition(" ")
        with contextlib.suppress(OSError, _http().HTTPException, ValueError):
            _remove(engine, label)
    for promise in promises.values():
        for method, path, body in promise["calls"]:
            with contextlib.suppress(OSError, _http().HTTPException, ValueError):
                _ask(promise["engine"], method, path, body)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    for word in records:
        clear_evidence(Path(word))


def clear_evidence(folder: Path) -> dict[str, int]:
    """Remove from the record of a run that has no end what programs left in it on their own: it was never
    redacted. Nothing is known of it but its place, since no event names it. The number of files that are
    gone, by the folder of the check that they were in."""
    evidence = folder / EVIDENCE
    named = _names_in_record(folder)
    gone: dict[str, int] = {}
    if named is None or evidence.is_symlink() or not evidence.is_dir():
        return gone
    waiting, seen = [evidence], []
    while waiting:
        place = waiting.pop()
        seen.append(place)
        with contextlib.suppress(OSError):
            place.chmod(0o700)
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif not _is_kept(path.relative_to(folder), named):
                with contextlib.suppress(OSError):
                    path.unlink()
                    check = "/".join(path.relative_to(folder).parts[:2])
                    gone[check] = gone.get(check, 0) + 1
    for place in reversed(seen):
        with contextlib.suppress(OSError):  # it holds something
            place.rmdir()
    return gone


def _is_kept(path: Path, named: set[str]) -> bool:
    """Logs of the target are redacted as they are written; no program is told where they are."""
    is_log = len(path.parts) == 3 and path.parts[1] == "target" and path.suffix == ".log"
    return is_log or path.as_posix() in named


def _names_in_record(folder: Path) -> set[str] | None:
    """The files of evidence that the events of a record name; None when the record has its end, or none."""
    found: set[str] = set()
    try:
        with (folder / EVENTS).open("rb") as file:
            for line in file:
                with contextlib.suppress(ValueError, RecursionError):  # the last was cut off
                    event = json.loads(line)
                    if isinstance(event, dict) and event.get("event") == "RunFinished":
                        return None
                    _add_paths(event, found)
    except OSError:
        return None
    return found


def _add_paths(tree: Any, found: set[str]) -> None:
    waiting = [tree]
    while waiting:
        match waiting.pop():
            case str() as text if text.startswith(f"{EVIDENCE}/"):
                found.add(text)
            case dict() as mapping:
                waiting += mapping.values()
            case list() as items:
                waiting += items


def _wait_for(pid: int) -> None:
    """Until a guard has ended, whether by itself or not."""
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while pid and time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(_POLL)


def _send(groups: set[int], marks: set[bytes], number: int) -> bool:
    """Whether there was anybody to send to."""
    found = False
    reached = set()
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):  # macOS answers EPERM when only zombies are left
            continue
        reached.add(group)
        found = True
    for pid in _find_marked(marks):
        try:
            if os.getpgid(pid) not in reached:
                os.kill(pid, number)
                found = True
        except (ProcessLookupError, PermissionError):
            continue
    return found


def _find_marked(marks: set[bytes]) -> Iterator[int]:
    """Processes with one of the marks; zombies have no environment."""
    if not marks or sys.platform != "linux":
        return
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if not marks.isdisjoint(environment):
                yield int(folder.name)


def _remove(engine: str, label: str) -> None:
    """Remove containers, networks and volumes with a label, until none is left."""
    named = "?filters=" + quote(json.dumps({"label": [label]}))
    for number in range(_ROUNDS):
        containers = _ask(engine, "GET", f"/containers/json{named}&all=1")
        networks = _ask(engine, "GET", f"/networks{named}")
        volumes = (_ask(engine, "GET", f"/volumes{named}") or {}).get("Volumes")
        if number > 1 and not (containers or networks or volumes):
            return
        for one in containers or ():
            _ask(engine, "DELETE", f"/containers/{one['Id']}?force=1&v=1")
        for one in networks or ():
            _ask(engine, "DELETE", f"/networks/{one['Id']}")
        for one in volumes or ():
            _ask(engine, "DELETE", f"/volumes/{quote(one['Name'])}?force=1")
        time.sleep(_BETWEEN)


def _ask(engine: str, method: str, path: str, body: Any = None) -> Any:
    """What the engine answers; None where it refuses."""
    connection = _connect(engine)
    try:
        if body is None:
            connection.request(method, path)
        else:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = answer.read()
        return json.loads(told) if answer.status == 200 else None
    finally:
        connection.close()


def _http() -> Any:
    """`http.client`, which takes longer to import than all else here: as soon as there is an engine to talk
    to, as there may be no memory for it when things have to be ended."""
    import http.client

    return http.client


def _connect(engine: str) -> Any:
    connect = _http().HTTPConnection
    scheme, _, place = engine.partition("://")
    if scheme != "unix":
        parts = urlsplit(engine)
        return connect(parts.hostname or "", parts.port or 2375, timeout=_ANSWERS)
    connection = connect("localhost", timeout=_ANSWERS)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(_ANSWERS)
    connection.sock.connect(place)
    return connection


if __name__ == "__main__":
    main()

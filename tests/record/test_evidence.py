from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ExitCode, ObservationError, RecordError
from phasegate.record.evidence import EvidenceStore
from phasegate.record.names import LONGEST_NAME, safe_name
from phasegate.record.redaction import Redactor
from tests.telling import raises

SECRET = "hunter2-hunter2"


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "run", Redactor([SECRET]), file_limit=10_000, log_limit=8_000)


def read(store: EvidenceStore, shown: str) -> bytes:
    return (store.run_folder / shown).read_bytes()


def test_content_is_written_below_check_and_attempt(store: EvidenceStore) -> None:
    folder = store.folder("alive", 2)
    shown = folder.write("response.json", '{"token": "hunter2-hunter2"}')
    assert shown == "evidence/alive/2/response.json"
    assert read(store, shown) == b'{"token": "[redacted]"}'
    assert folder.path.is_absolute()


@given(name=st.text(max_size=300))
def test_a_safe_name_is_one_short_component_of_a_path(name: str) -> None:
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert not safe.startswith(".")
    assert not set(safe) & set('/\\\0\n:*?"<>|')
    assert len(safe.encode()) <= LONGEST_NAME
    assert safe_name(safe) == safe


def test_a_name_cannot_leave_the_folder(store: EvidenceStore) -> None:
    folder = store.folder("alive", 1)
    for name in ("../../../etc/passwd", "/etc/passwd", "..", "a/../../b", ".hidden"):
        shown = folder.write(name, "x")
        assert (store.run_folder / shown).resolve().parent == folder.path.resolve()


def test_names_stay_readable_and_say_no_secret(store: EvidenceStore) -> None:
    folder = store.folder("functions", 1)
    assert folder.write("list/first[3].txt", "").endswith("/list-first[3].txt")
    assert folder.write("日本語.txt", "").endswith("/日本語.txt")
    assert SECRET not in folder.write(f"get-{SECRET}.txt", "")


def test_long_names_that_differ_stay_different_and_keep_their_suffix() -> None:
    first, second = safe_name("x" * 300 + "1.json"), safe_name("x" * 300 + "2.json")
    assert first != second
    assert first.endswith(".json")


def test_equal_names_are_numbered_whatever_their_case(store: EvidenceStore) -> None:
    folder = store.folder("alive", 1)
    names = [Path(folder.write(name, "x")).name for name in ("a.txt", "A.txt", "a.txt", "a-2.txt")]
    assert names == ["a.txt", "A-2.txt", "a-3.txt", "a-2-2.txt"]
    (folder.path / "b.txt").write_text("a program's")
    assert folder.write("b.txt", "x").endswith("/b-2.txt")


def test_too_much_content_keeps_its_beginning_and_its_end(store: EvidenceStore) -> None:
    content = b"begin" + b"x" * 50_000 + b"end"
    kept = read(store, store.folder("alive", 1).write("body", content))
    assert len(kept) <= 10_000
    assert kept.startswith(b"begin")
    assert kept.endswith(b"end")
    assert b"bytes left out here" in kept


def test_a_run_has_a_limit_too(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, Redactor(), run_limit=5_000)
    folder = store.folder("alive", 1)
    kept = [read(store, folder.write("body", b"x" * 2_000)) for _ in range(10)]
    assert kept[0] == b"x" * 2_000
    assert b"limit for evidence is reached" in kept[-1]
    assert sum(map(len, kept)) < 5_000 + 10 * 200


def test_a_file_from_elsewhere_is_copied_and_redacted(store: EvidenceStore, tmp_path: Path) -> None:
    source = tmp_path / "results.xml"
    source.write_bytes(b"\x00\xff binary hunter2-hunter2 \xfe")
    shown = store.folder("unit", 1).adopt(source)
    assert shown == "evidence/unit/1/results.xml"
    assert read(store, shown) == b"\x00\xff binary [redacted] \xfe"
    assert SECRET.encode() in source.read_bytes()


def test_a_file_inside_the_folder_is_redacted_where_it_lies(store: EvidenceStore) -> None:
    folder = store.folder("unit", 1)
    inside = folder.path / "sub" / "trace.log"
    inside.parent.mkdir()
    inside.write_text("before hunter2-hunter2 after" + "x" * 30_000)
    assert folder.adopt(inside) == "evidence/unit/1/sub/trace.log"
    content = inside.read_bytes()
    assert content.startswith(b"before [redacted] after")
    assert len(content) <= 10_000
    assert [path.name for path in folder.path.iterdir()] == ["sub"]


def test_a_link_inside_the_folder_becomes_a_copy(store: EvidenceStore, tmp_path: Path) -> None:
    folder = store.folder("unit", 1)
    (tmp_path / "elsewhere.txt").write_text(SECRET)
    link = folder.path / "link.txt"
    link.symlink_to(tmp_path / "elsewhere.txt")
    shown = folder.adopt(link)
    assert not (store.run_folder / shown).is_symlink()
    assert read(store, shown) == b"[redacted]"
    assert [entry.path for entry in store.inventory()] == [shown]


@pytest.mark.parametrize("what", ["missing", "folder", "fifo"])
def test_what_is_no_readable_file_cannot_be_adopted(store: EvidenceStore, tmp_path: Path, what: str) -> None:
    source = tmp_path / what
    if what == "folder":
        source.mkdir()
    elif what == "fifo":
        os.mkfifo(source)
    with raises(ObservationError, match=what):
        store.folder("unit", 1).adopt(source)


def test_the_inventory_holds_hash_and_size_of_every_file(store: EvidenceStore) -> None:
    store.folder("b", 1).write("two", "22")
    store.folder("a", 1).write("one", "1")
    store.folder("empty", 1)
    log = store.log("controller")
    log.write(b"started\n")
    entries = store.inventory()
    assert [entry.path for entry in entries] == [
        "evidence/a/1/one",
        "evidence/b/1/two",
        "evidence/target/controller.log",
    ]
    assert entries[1].sha256 == hashlib.sha256(b"22").hexdigest()
    assert entries[1].bytes == 2
    assert not (store.path / "empty").exists()


def test_what_programs_wrote_on_their_own_is_redacted_in_the_end(
    store: EvidenceStore, tmp_path: Path
) -> None:
    folder = store.folder("unit", 1)
    (folder.path / "own.log").write_text(f"token {SECRET}")
    (folder.path / "out").symlink_to("/etc/passwd")
    os.mkfifo(folder.path / "pipe")
    assert [entry.path for entry in store.inventory()] == ["evidence/unit/1/own.log"]
    assert (folder.path / "own.log").read_text() == "token [redacted]"


def test_what_was_written_before_a_secret_was_known_is_redacted_in_the_end(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, Redactor(), file_limit=1_000, log_limit=8_000)
    shown = store.folder("login", 1).write("response", "token-12345")
    log = store.log("api")
    log.write(b"token-12345\n" + b"x" * 2_000)
    store.redactor.add("token-12345")
    entries = {entry.path: entry.bytes for entry in store.inventory()}
    assert read(store, shown) == b"[redacted]"
    assert entries["evidence/target/api.log"] == len(b"[redacted]\n") + 2_000


def test_a_log_is_redacted_across_the_borders_of_its_pieces(store: EvidenceStore) -> None:
    log = store.log("controller")
    for piece in (b"a hunter2-", b"hunter2 b\nCoo", b"kie: x=", b"y\nlast"):
        log.write(piece)
    assert log.tail(2) == ("Cookie: [redacted]", "last")
    log.close()
    log.write(b"too late")
    log.close()
    assert log.path == "evidence/target/controller.log"
    assert read(store, log.path) == b"a [redacted] b\nCookie: [redacted]\nlast"


def test_a_log_that_outgrows_its_limit_keeps_its_beginning_and_its_end(store: EvidenceStore) -> None:
    log = store.log("chatty")
    for number in range(10_000):
        log.write(b"line %d\n" % number)
    log.close()
    content = read(store, log.path)
    assert len(content) <= 8_000
    assert content.startswith(b"line 0\n")
    assert content.endswith(b"line 9999\n")
    assert b"bytes left out here" in content
    assert log.tail(1) == ("line 9999",)


def test_a_full_disk_is_an_error_that_ends_the_run_in_order(store: EvidenceStore) -> None:
    path = store.folder("alive", 1).path / "full"
    log = store.log("api")
    with files_of_at_most(10):
        with raises(RecordError, match="file too large") as raised:
            store.write(path, b"x" * 100)
        with raises(RecordError, match="file too large"):
            log.write(b"x" * 100 + b"\n")
    assert raised.value.exit_code is ExitCode.INCONCLUSIVE
    assert not path.exists()
    log.write(b"later\n")
    assert log.tail(1) == ("later",)
    log.close()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A limit of the kernel stands for a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("leads", ["a file", "a folder"])
def test_evidence_is_never_written_through_a_link(store: EvidenceStore, tmp_path: Path, leads: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    victim = outside / "api.log"
    victim.write_text("precious")
    folder = store.path / "target"
    if leads == "a file":
        folder.mkdir(parents=True)
        (folder / "api.log").symlink_to(victim)
        (folder / "compose.yaml").symlink_to(victim)
        log = store.log("api")
        log.write(b"output")
        log.close()
        store.keep_of_target("compose.yaml", "kept")
        assert (folder / "api.log").read_text() == "output"
        assert (folder / "compose.yaml").read_text() == "kept"
    else:
        store.path.mkdir(parents=True)
        folder.symlink_to(outside)
        with pytest.raises(RecordError):
            store.log("api")
        with pytest.raises(RecordError):
            store.keep_of_target("compose.yaml", "kept")
    assert victim.read_text() == "precious"
    assert [path.name for path in outside.iterdir()] == ["api.log"]


def test_a_folder_that_cannot_be_made_is_an_error_of_the_record(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file is in the way")
    with raises(RecordError, match="not a directory"):
        EvidenceStore(tmp_path, Redactor()).folder("alive", 1).write("a.txt", "a")

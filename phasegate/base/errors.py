"""What can go wrong, in one family, and the exit codes that callers rely on."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from enum import IntEnum

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message, fact


class ExitCode(IntEnum):
    """The process exit code of every command; these numbers never change their meaning."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    """Wrong flags, or a plan that is missing or malformed; nothing ran and nothing was written."""
    INCONCLUSIVE = 3
    DEFECT = 70
    """A defect in phasegate itself."""
    TARGET = 75
    """The target could not be brought up."""
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a text file; line and column count from 1."""

    file: str
    """The path of the file, as it was named."""
    line: int
    """The line, from 1."""
    column: int = 1
    """The column, from 1."""
    width: int = 1
    """How many characters the caret line underlines."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with what the user wrote."""

    message: Message
    """Which thing, and what is wrong; lower case, no full stop."""
    help: Message | None = None
    """What would be right."""
    at: Position | None = None
    line_text: str | None = None
    """The line at `at`, as written, for the caret display."""
    warning: bool = False


class PhasegateError(Exception):
    """Base of everything phasegate raises on purpose; carries the exit code it stands for."""

    exit_code = ExitCode.DEFECT

    def __init__(self, message: Message, *, help: Message | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return str(self.message)


class MessageError(ValueError):
    """Base of errors that say why in facts; whoever catches one takes `message_of` it."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


def message_of(error: BaseException) -> Message:
    """What an error says: facts of ours, or the words of a library or the system."""
    message: object = getattr(error, "message", None)
    return message if isinstance(message, str | Fact) else str(error)


class UsageError(PhasegateError):
    """The command line asks for something that cannot be done."""

    exit_code = ExitCode.USAGE


class PlanError(PhasegateError):
    """The plan, or a file it names, is wrong; `problems` holds everything found, in file order."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{len(self.problems)} problem(s) in the plan")


class TargetError(PhasegateError):
    """The target could not be brought up, or did not become ready."""

    exit_code = ExitCode.TARGET


class RecordError(PhasegateError):
    """The record cannot be written or read, for example because the disk is full."""

    exit_code = ExitCode.INCONCLUSIVE


_OF_MACHINE = frozenset(
    {
        *(errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        *(errno.EIO, errno.EROFS, errno.ENOBUFS, errno.ENODEV, errno.ESTALE),
    }
)


def is_of_machine(error: BaseException) -> bool:
    """Whether the machine had no more to give: memory, descriptors, threads, processes, space on the disk."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_of_machine, error.exceptions))
    if isinstance(error, OSError):
        return error.errno in _OF_MACHINE
    return isinstance(error, MemoryError) or "can't start new thread" in str(error)


def in_words(error: BaseException) -> Message:
    """Such an error in a few words."""
    if isinstance(error, BaseExceptionGroup):
        return in_words(error.exceptions[0])
    if isinstance(error, MemoryError):
        return fact(Code.NO_MEMORY)
    text = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
    return fact(Code.OF_SYSTEM, why=text)


class ObservationError(PhasegateError):
    """phasegate could not observe: the attempt is errored, which is never a pass and never a failure."""

    exit_code = ExitCode.INCONCLUSIVE

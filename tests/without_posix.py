"""Runs the command line of phasegate as on a system without what only POSIX has, such as Windows.

What stands for that system is a process that lacks the modules, functions, flags and signals; what else is
different there, such as names of paths, is not tried.
"""

from __future__ import annotations

import asyncio  # noqa: F401  like some more, it needs what is taken away, and only to be imported
import os
import select
import shutil  # noqa: F401
import signal
import socket
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULES = ("uvloop", "fcntl", "resource", "termios", "pwd", "grp", "pty", "tty", "syslog", "_posixshmem")
_GONE = {
    os: (
        *("O_NONBLOCK", "O_NOCTTY", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_SYNC", "O_NDELAY"),
        *(
            "fork",
            "forkpty",
            "getuid",
            "geteuid",
            "getgid",
            "getegid",
            "getpgid",
            "getpgrp",
            "setpgid",
            "setsid",
        ),
        *("getsid", "killpg", "mkfifo", "mknod", "fchmod", "fchown", "chown", "lchown", "uname", "sysconf"),
        *(
            "waitid",
            "wait3",
            "wait4",
            "pread",
            "pwrite",
            "set_blocking",
            "sched_getaffinity",
            "statvfs",
            "nice",
        ),
        *("pidfd_open", "posix_spawn", "register_at_fork", "getpriority", "getloadavg", "ctermid", "openpty"),
    ),
    signal: (
        *("SIGUSR1", "SIGUSR2", "SIGKILL", "SIGHUP", "SIGCHLD", "SIGSTOP", "SIGCONT", "SIGQUIT", "SIGPIPE"),
        *("SIGALRM", "SIGWINCH", "SIGTSTP", "pthread_sigmask", "setitimer", "alarm", "sigwait", "pause"),
    ),
    select: ("poll", "epoll"),
    socket: ("SO_REUSEPORT", "TCP_INFO", "sendmsg", "recvmsg"),
}
_BY_HANDLE = ("open", "stat", "unlink", "rmdir", "mkdir", "replace", "rename", "link", "symlink", "access")
_HANDLES = ("dir_fd", "src_dir_fd", "dst_dir_fd")


def take_away() -> None:
    """Leave the process without them; the modules that need some to be imported are there by then."""
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for module, names in _GONE.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for name in _BY_HANDLE:
        setattr(os, name, _by_path(name, getattr(os, name)))
    os.supports_dir_fd = set()


def _by_path(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        if any(named.get(handle) is not None for handle in _HANDLES):
            raise NotImplementedError(f"{name}: folders cannot be named by a handle here")
        if name == "open" and Path(arguments[0]).is_dir():
            raise PermissionError(13, "Permission denied", arguments[0])
        return function(*arguments, **named)

    return call


if __name__ == "__main__":
    take_away()
    from phasegate.__main__ import main

    sys.exit(main())

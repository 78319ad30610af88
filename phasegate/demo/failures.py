"""What the service answers when it cannot do what was asked: one family, one JSON shape."""

from __future__ import annotations

OF_SCRIPTS = frozenset({"script_error", "compile_error", "script_timeout", "compile_timeout"})
"""Codes of what a script did, and not the service."""


class ApiError(Exception):
    """Answered as `{"error": {"code", "message"}}` with `status`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str) -> ApiError:
    """The request itself is wrong."""
    return ApiError(400, "invalid_request", message)


def missing(code: str, message: str) -> ApiError:
    return ApiError(404, code, message)


def broken(code: str, message: str) -> ApiError:
    return ApiError(500, code, message)


def late(code: str, message: str) -> ApiError:
    """A script or its compiler took longer than it may."""
    return ApiError(504, code, message)

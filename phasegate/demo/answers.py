"""How every service of the demo answers what went wrong: JSON, in one shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from phasegate.demo.failures import ApiError


async def _failure(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return _error(error.status, error.code, error.message)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed"}
    return _error(error.status_code, codes.get(error.status_code, "http_error"), error.detail)


async def _defect(_: Request, __: Exception) -> JSONResponse:
    return _error(500, "internal_error", "the service failed; its log says more")


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


FAILURES: Mapping[Any, Callable[[Request, Exception], Awaitable[JSONResponse]]] = {
    ApiError: _failure,
    HTTPException: _http_error,
    Exception: _defect,
}
"""For `Starlette(exception_handlers=FAILURES)`."""

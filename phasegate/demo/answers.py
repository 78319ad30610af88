"""How every service of the demo answers what went wrong: JSON, in one shape."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from phasegate.demo.failures import ApiError
from phasegate.demo.log import REASON

Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]
_CODES = {404: "not_found", 405: "method_not_allowed"}


async def _failure(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return _error(request, error.status, error.code, error.message)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _of_http(request, error, error.detail)


async def _leaky_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _of_http(request, error, "".join(traceback.format_exception(error)))


def _of_http(request: Request, error: HTTPException, message: str) -> JSONResponse:
    answer = _error(request, error.status_code, _CODES.get(error.status_code, "http_error"), message)
    answer.headers.update(error.headers or {})  # 405 says which methods there are
    return answer


async def _defect(request: Request, _: Exception) -> JSONResponse:
    return _error(request, 500, "internal_error", "the service failed; its log says more")


def _error(request: Request, status: int, code: str, message: str) -> JSONResponse:
    request.scope[REASON] = code
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def handlers(*, leaky: bool = False) -> Mapping[Any, Handler]:
    """For `Starlette(exception_handlers=...)`; `leaky` shows a stack trace where nothing is."""
    return {
        ApiError: _failure,
        HTTPException: _leaky_http_error if leaky else _http_error,
        Exception: _defect,
    }

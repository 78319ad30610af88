"""Long answers of an engine, read piece by piece; used in the threads of `Engine.call`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from phasegate.targets.containers.engine.client import TIMEOUT

PIECE = 1 << 16


@contextlib.contextmanager
def stream_answer(api: Any, path: str, **params: Any) -> Iterator[Iterator[bytes]]:
    """The pieces of the answer to `GET <path>`; closing early hangs up.

    Errors: those of the SDK and of requests.
    """
    import requests
    from docker.errors import create_api_error_from_http_exception

    url = f"{api.base_url}/v{api.api_version}{path}"
    with api.get(url, params=params, stream=True, timeout=TIMEOUT) as answer:
        try:
            answer.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)
        yield answer.iter_content(PIECE)

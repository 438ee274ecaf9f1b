"""What the Python services of FlixTube do alike: JSON log lines, errors as JSON, a graceful end.

A service's folder holds all it needs, so metadata and history each keep this same file.
"""

import json
import os
import re
import time
from datetime import datetime, timezone

from aiohttp import web

DRAIN_SECONDS = 1.5
BODY_BYTES_MAX = 16 * 1024
_name = "?"
ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class Unavailable(Exception):
    """Something this service needs is away; the request may be tried again."""


def is_id(text):
    return isinstance(text, str) and ID.fullmatch(text) is not None


def log(event, **fields):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"time": now, "service": _name, "event": event} | fields), flush=True)


def serve(name, routes, background=None):
    """Serves until SIGTERM, then finishes the requests in flight. `background` is an
    async context: entered before the first request, left after the last one."""
    global _name
    _name = name
    app = web.Application(middlewares=[_each_request], client_max_size=BODY_BYTES_MAX)
    app.add_routes(routes)
    if background:
        app.cleanup_ctx.append(background)
    port = int(os.environ.get("PORT") or 80)

    async def started(_app):
        log("start", port=port)

    app.on_startup.append(started)
    web.run_app(app, host="0.0.0.0", port=port, shutdown_timeout=DRAIN_SECONDS, access_log=None, print=None)
    log("stop")


def refusal(status, why, **headers):
    return web.json_response({"error": why}, status=status, headers=headers)


@web.middleware
async def _each_request(request, handler):
    began = time.monotonic()
    try:
        response = await handler(request)
    except Unavailable as error:
        response = refusal(503, str(error), **{"Retry-After": "2"})
    except web.HTTPException as error:
        response = refusal(error.status, error.reason)
    except Exception as error:  # the request fails, the service goes on
        log("error", path=request.path, error=repr(error))
        response = refusal(500, "internal error")
    # /health is asked every second: only worth a line when it fails.
    if request.path != "/health" or response.status != 200:
        log(
            "request",
            method=request.method,
            path=request.path,
            status=response.status,
            ms=round((time.monotonic() - began) * 1000),
            trace=request.headers.get("traceparent", ""),
        )
    return response

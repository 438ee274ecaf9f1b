"""FlixTube's memory: what was watched, and when. Kept in Redis.

GET and DELETE /api/history and GET /api/history/counts are for everybody; POST /views is for
video-streaming: no route leads there from outside.
"""

import json
import os
import time

from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service import Unavailable, is_id, log, refusal, serve

VIEWS_MAX = 1000
VIEWS = "flixtube:views"  # sorted set: "<video>/<view>" by the time of watching, in milliseconds
COUNTS = "flixtube:counts"  # hash: video -> how often it was watched

# A view announced twice (its announcer could not know that the first time arrived) counts once.
ANNOUNCE = """
if redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[4]))
  return 1
end
return 0
"""

routes = web.RouteTableDef()
redis = Redis(
    host=os.environ.get("CACHE_HOST", "cache"),
    port=int(os.environ.get("CACHE_PORT") or 6379),
    decode_responses=True,
    socket_timeout=2,
    socket_connect_timeout=2,
    max_connections=16,
)


async def ask(command):
    try:
        return await command
    except (RedisError, OSError) as error:
        log("redis away", error=str(error) or repr(error))
        raise Unavailable("the history's database is not available") from error


@routes.get("/health")
async def health(_request):
    await ask(redis.ping())
    return web.json_response({"status": "ok"})


@routes.post("/views")
async def announce(request):
    try:
        said = await request.json()
        video, view = said["video"], said["view"]
        at_ms = int(said.get("atMs") or time.time() * 1000)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return refusal(400, "expected {video, view, atMs?}")
    if not (is_id(video) and is_id(view) and 0 < at_ms < 2**53):
        return refusal(400, "video and view must be ids")
    new = await ask(redis.eval(ANNOUNCE, 2, VIEWS, COUNTS, at_ms, f"{video}/{view}", video, VIEWS_MAX))
    return web.json_response({"new": bool(new)}, status=201 if new else 200)


@routes.get("/api/history")
async def views(request):
    limit = request.query.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= VIEWS_MAX):
        return refusal(400, f"limit must be a number from 1 to {VIEWS_MAX}")
    found = await ask(redis.zrange(VIEWS, 0, int(limit) - 1, desc=True, withscores=True))
    return web.json_response({"views": [_view(member, at_ms) for member, at_ms in found]})


@routes.get("/api/history/counts")
async def counts(_request):
    return web.json_response({"counts": {video: int(n) for video, n in (await ask(redis.hgetall(COUNTS))).items()}})


@routes.delete("/api/history")
async def forget(_request):
    """Forgets what was watched; how often stays known."""
    await ask(redis.delete(VIEWS))
    return web.json_response({"views": []})


def _view(member, at_ms):
    video, view = member.split("/")
    return {"video": video, "view": view, "atMs": int(at_ms)}


async def background(_app):
    yield
    await redis.aclose()


if __name__ == "__main__":
    serve("history", routes, background)

"""FlixTube's library: which videos there are, and what is known of them.

GET /api/videos and GET /api/videos/<id> are for everybody; PUT and DELETE /internal/videos/<id>
are for the other services: no route leads there from outside.

Answers about videos are one group of what a cache may keep (RFC 9875), and whatever changes a video
says that the group is out of date.
"""

import asyncio
import json

from aiohttp import web

from library import Library
from service import is_id, refusal, serve
from video import Invalid, video

GROUP = {"Cache-Groups": '"videos"'}
CHANGED = {"Cache-Group-Invalidation": '"videos"'}
NOT_KEPT = {"Cache-Control": "no-store"}

library = Library()
routes = web.RouteTableDef()


@routes.get("/health")
async def health(_request):
    await library.ping()
    return web.json_response({"status": "ok"}, headers=NOT_KEPT)


@routes.get("/api/videos")
async def list_videos(_request):
    return web.json_response({"videos": await library.newest()}, headers=GROUP)


@routes.get("/api/videos/{id}")
async def get_video(request):
    video_id = request.match_info["id"]
    found = await library.get(video_id) if is_id(video_id) else None
    return web.json_response(found, headers=GROUP) if found else refusal(404, "no such video")


@routes.put("/internal/videos/{id}")
async def put_video(request):
    try:
        row = video(request.match_info["id"], await request.json())
    except json.JSONDecodeError:
        return refusal(400, "the body is not JSON")
    except Invalid as error:
        return refusal(400, str(error))
    return web.json_response(await library.put(row), headers=CHANGED)


@routes.delete("/internal/videos/{id}")
async def delete_video(request):
    video_id = request.match_info["id"]
    found = is_id(video_id) and await library.delete(video_id)
    return web.json_response({"deleted": True}, headers=CHANGED) if found else refusal(404, "no such video")


async def background(_app):
    connecting = asyncio.create_task(library.connect())
    yield
    connecting.cancel()
    await library.close()


if __name__ == "__main__":
    serve("metadata", routes, background)

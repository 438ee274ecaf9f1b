"""Sends back each message; to anybody else it says that it is well. Says its port, then serves until it is killed."""

import asyncio
import http
import os

import websockets


async def answer(socket):
    async for message in socket:
        await socket.send(message)


def plain(connection, request):
    if "Upgrade" not in request.headers:
        return connection.respond(http.HTTPStatus.OK, "well\n")


async def main():
    port = int(os.environ.get("PORT", 0))
    async with websockets.serve(answer, "0.0.0.0", port, max_size=None, process_request=plain) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())

"""Sends back each message; to anybody else it says that it is well."""

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
    port = int(os.environ["PORT"])
    async with websockets.serve(answer, "0.0.0.0", port, max_size=None, process_request=plain):
        await asyncio.Future()


asyncio.run(main())

"""A service of WebSocket that answers each message: says its port, then serves until it is killed."""

import asyncio

import websockets


async def answer(socket):
    async for message in socket:
        await socket.send(message)


async def main():
    async with websockets.serve(answer, "127.0.0.1", 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())

"""Messages of many sizes to the address of the first argument."""

import asyncio
import sys

import websockets


async def main():
    async with websockets.connect(sys.argv[1], max_size=None) as socket:
        for size in (0, 1, 125, 126, 65535, 65536, 3_000_000):
            await socket.send(b"\r\n" * (size // 2) + b"x" * (size % 2))
            assert len(await socket.recv()) == size
        await socket.send("GET / HTTP/1.1\r\nBad : header\r\n\r\n")
        assert (await socket.recv()).startswith("GET")
    print("ok")


asyncio.run(main())

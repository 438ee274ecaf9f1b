"""Messages of many sizes over the sockets that it opens first; then, for as many seconds as the second argument says, a
message on each of them ten times a second. Whoever loses one ends badly."""

import asyncio
import sys
import time

import websockets

URL, SECONDS = sys.argv[1], float(sys.argv[2])


async def talk(socket, end):
    for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
        await socket.send(b"\r\n" * (size // 2) + b"x" * (size % 2))
        assert len(await socket.recv()) == size
    await socket.send("GET / HTTP/1.1\r\nBad : header\r\n\r\n")
    assert (await socket.recv()).startswith("GET")
    number = 0
    while time.monotonic() < end:
        await socket.send(f"message {number}")
        assert await socket.recv() == f"message {number}"
        number += 1
        await asyncio.sleep(0.1)
    return number


async def main():
    sockets = [await websockets.connect(URL, max_size=None) for _ in range(20)]
    print("open", flush=True)
    end = time.monotonic() + SECONDS
    counts = await asyncio.gather(*(talk(socket, end) for socket in sockets))
    print("kept", len(counts), flush=True)
    for socket in sockets:
        await socket.close()


asyncio.run(main())

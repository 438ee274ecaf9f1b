"""A service of gRPC: calls of every kind, a trailer, errors. Says its port, then serves until it is killed."""

import os
import socket
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "end"), ("x-me", socket.gethostname())))
    if request.startswith(b"fail "):
        context.abort(grpc.StatusCode[request[5:].decode()], "as asked")
    return request[::-1]


def down(request, context):
    for number in range(int(request)):
        yield b"%d" % number
    if request == b"13":
        context.abort(grpc.StatusCode.INTERNAL, "thirteen")


def both(requests, context):
    for request in requests:
        yield b"heard " + request


server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Down": grpc.unary_stream_rpc_method_handler(down),
    "Both": grpc.stream_stream_rpc_method_handler(both),
}),))
port = server.add_insecure_port(f"0.0.0.0:{os.environ.get('PORT', 0)}")
server.start()
print(port, flush=True)
server.wait_for_termination()

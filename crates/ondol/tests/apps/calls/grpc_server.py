"""A service of gRPC: calls of every kind, a trailer, an error."""

import os
import socket
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "end"), ("x-me", socket.gethostname())))
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked")
    return request[::-1]


def down(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def both(requests, context):
    for request in requests:
        yield b"heard " + request


server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Down": grpc.unary_stream_rpc_method_handler(down),
    "Both": grpc.stream_stream_rpc_method_handler(both),
}),))
server.add_insecure_port(f"0.0.0.0:{os.environ['PORT']}")
server.start()
server.wait_for_termination()

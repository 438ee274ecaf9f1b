"""Calls of every kind, over one connection; with a second argument, by TLS."""

import queue
import sys

import grpc

if len(sys.argv) > 2:
    credentials = grpc.ssl_channel_credentials(open(sys.argv[2], "rb").read())
    options = (("grpc.ssl_target_name_override", "calls.test"),)
    channel = grpc.secure_channel(sys.argv[1], credentials, options)
else:
    channel = grpc.insecure_channel(sys.argv[1])

unary = channel.unary_unary("/test.Echo/Unary")
replicas = set()
for _ in range(20):
    answer, call = unary.with_call(b"abc", timeout=10)
    trailers = dict(call.trailing_metadata())
    assert (answer, trailers["x-trailer"]) == (b"cba", "end"), (answer, trailers)
    replicas.add(trailers["x-me"])
assert len(replicas) == 2, "calls of one connection are balanced one by one"

try:
    unary(b"fail", timeout=10)
    raise SystemExit("it did not fail")
except grpc.RpcError as error:
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "as asked"), error

down = channel.unary_stream("/test.Echo/Down")
assert [int(number) for number in down(b"1000", timeout=10)] == list(range(1000))

# What is said next depends on what was heard: nobody may hold anything back.
said = queue.Queue()
answers = channel.stream_stream("/test.Echo/Both")(iter(said.get, None), timeout=10)
for number in range(50):
    said.put(b"%d" % number)
    assert next(answers) == b"heard %d" % number
said.put(None)
assert list(answers) == []
print("ok")

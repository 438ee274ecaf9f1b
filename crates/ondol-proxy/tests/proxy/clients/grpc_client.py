"""Calls of every kind to the address of the first argument; a second one is a file with the authority of its certificate."""

import queue
import sys

import grpc

address = sys.argv[1]
if len(sys.argv) > 2:
    credentials = grpc.ssl_channel_credentials(open(sys.argv[2], "rb").read())
    options = (("grpc.ssl_target_name_override", "shop.example"),)
    channel = grpc.secure_channel(address, credentials, options)
else:
    channel = grpc.insecure_channel(address)

unary = channel.unary_unary("/test.Echo/Unary")
answer, call = unary.with_call(b"abc", timeout=10)
assert answer == b"cba", answer
assert ("x-trailer", "end") in call.trailing_metadata(), call.trailing_metadata()

try:
    unary(b"fail", timeout=10)
    raise SystemExit("it did not fail")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert error.details() == "as asked", error

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

futures = [unary.future(b"%d" % number, timeout=10) for number in range(500)]
assert all(future.result() == b"%d"[:0] + str(number)[::-1].encode() for number, future in enumerate(futures))
print("ok")

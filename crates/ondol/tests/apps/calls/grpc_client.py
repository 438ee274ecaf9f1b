"""Calls of every kind, over one connection."""

import argparse
import queue

import grpc

asked = argparse.ArgumentParser()
asked.add_argument("address")
asked.add_argument("--ca", help="by TLS: the authority of its certificate")
asked.add_argument("--name", help="by TLS: whose certificate it is")
asked.add_argument("--replicas", type=int, default=1, help="how many of them answer")
asked.add_argument("--fail", nargs="*", help="only calls that end with these statuses")
asked = asked.parse_args()

if asked.ca:
    credentials = grpc.ssl_channel_credentials(open(asked.ca, "rb").read())
    options = (("grpc.ssl_target_name_override", asked.name),)
    channel = grpc.secure_channel(asked.address, credentials, options)
else:
    channel = grpc.insecure_channel(asked.address)
unary = channel.unary_unary("/test.Echo/Unary")
down = channel.unary_stream("/test.Echo/Down")


def fail(status):
    try:
        unary(b"fail " + status.encode(), timeout=10)
        raise SystemExit("it did not fail")
    except grpc.RpcError as error:
        assert (error.code().name, error.details()) == (status, "as asked"), error


def fail_late():
    heard = down(b"13", timeout=10)
    try:
        for number in range(14):
            assert int(next(heard)) == number
    except grpc.RpcError as error:
        assert (number, error.code()) == (13, grpc.StatusCode.INTERNAL), error


if asked.fail is not None:
    for status in asked.fail:
        fail(status)
    fail_late()
    print("ok")
    raise SystemExit

replicas = set()
for _ in range(20):
    answer, call = unary.with_call(b"abc", timeout=10)
    trailers = dict(call.trailing_metadata())
    assert (answer, trailers["x-trailer"]) == (b"cba", "end"), (answer, trailers)
    replicas.add(trailers["x-me"])
assert len(replicas) == asked.replicas, "calls of one connection are balanced one by one"
futures = [unary.future(b"%d" % number, timeout=10) for number in range(500)]
assert all(future.result().decode() == str(number)[::-1] for number, future in enumerate(futures))
fail("FAILED_PRECONDITION")

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

"""Does what DOES says."""

import os
import signal
import socket



def answer_503():
    with socket.create_server(("0.0.0.0", int(os.environ["PORT"]))) as listener:
        while True:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.close()


def ignore_the_polite_signal():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ignoring SIGTERM", flush=True)


def daemonise():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            print("daemonised", flush=True)
            signal.pause()
        os._exit(0)
    os.wait()


def eat():
    eaten = []
    while True:
        eaten.append(b"x" * (4 << 20))


def fork():
    children = 1
    try:
        while children < 60:
            if os.fork() == 0:
                signal.pause()
            children += 1
    except OSError:
        pass
    print(f"{children} processes", flush=True)


does = os.environ["DOES"].replace(" ", "_")
if does != "wait":
    globals()[does]()
signal.pause()

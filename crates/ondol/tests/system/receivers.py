"""Receivers that demand TLS: one of webhooks, and a mail server with STARTTLS and a login. Prints what each of them gets."""

import email
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

https_port, smtp_port = map(int, sys.argv[1:])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("tls.pem", "tls.key")


def say(what, got):
    print(json.dumps({what: got}), flush=True)


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        say("posted", json.loads(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Mail:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content)
        body = message.get_payload(decode=True).decode()
        say("mailed", {"to": envelope.rcpt_tos, "subject": message["subject"], "body": body})
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"me" and data.password == b"secret")


mail = Controller(
    Mail(),
    hostname="127.0.0.1",
    port=smtp_port,
    tls_context=context,
    require_starttls=True,
    auth_required=True,
    authenticator=login,
)
mail.start()
hook = ThreadingHTTPServer(("127.0.0.1", https_port), Hook)
hook.socket = context.wrap_socket(hook.socket, server_side=True)
say("ready", True)
hook.serve_forever()

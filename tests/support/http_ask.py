# SPDX-License-Identifier: Apache-2.0
"""Asking a resolver over HTTP: its answers, and connections by hand for what no client of HTTP would send."""
import http.client
import json
import re
import socket

from waiting import PATIENCE_S, wait_until


def port_of(node):
    """Where a node with the setting http-listen answers, as its log tells."""
    return int(wait_until(lambda: re.search(r"answers HTTP.* address=\S*:(\d+)", node.log()), "it answers no HTTP").group(1))


class Answer:
    def __init__(self, code, headers, body):
        self.code, self.headers, self.body = code, headers, body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def ask(node, path, method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(node), timeout=PATIENCE_S)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def status(node):
    answer = ask(node, "/status")
    assert answer.code == 200, answer.text
    return answer.json()


def wait_status(node, condition, what):
    """The first status for which the condition holds."""
    def look():
        seen.append(status(node))
        return condition(seen[-1]) and seen[-1]
    seen = []
    return wait_until(look, lambda: f"{what}: {seen[-1]}", step_s=0.1)


def connect(node):
    return socket.create_connection(("127.0.0.1", port_of(node)), timeout=PATIENCE_S)


def begin(node):
    """A connection that is on its way, or waits to be accepted; nothing is waited for."""
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", port_of(node)))
    return connection


def rest(connection):
    """All that comes until the other side ends it, in whatever way."""
    got = b""
    try:
        while chunk := connection.recv(65536):
            got += chunk
    except ConnectionError:
        pass
    return got

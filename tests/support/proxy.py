# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy before a private PostgreSQL that cuts a connection after a given byte, in a given direction.

Connections are known by their application_name; rename(pattern, name) tells those of one program apart: a connection by which
these bytes have gone to the server has that name from then on. cut(name, direction, offset) is armed for the connection of
that name that is open (or comes next): `offset` more bytes pass in that direction, then what is on its way is lost, and
    RESET    both sides are reset
    CLOSE    both sides are closed in order, as by a program that ends
    SWALLOW  both sides stay open and nothing passes any more, as by a firewall that has forgotten the connection
hold(name, seconds) lets that much time go by before each piece of a connection is passed on."""
import selectors
import socket
import struct
import threading
import time

TO_SERVER, TO_CLIENT = "to server", "to client"
RESET, CLOSE, SWALLOW = "reset", "close", "swallow"


class _Pair:
    def __init__(self, client, server):
        self.sockets = {TO_SERVER: (client, server), TO_CLIENT: (server, client)}
        self.name = None
        self.start = b""
        self.swallows = False

    def learn_name(self, data):
        """From the startup packet; encryption is off by the connection string."""
        if self.name is None:
            self.start += data
            if len(self.start) >= 8 and len(self.start) >= struct.unpack(">I", self.start[:4])[0]:
                words = self.start[8:].split(b"\0")
                pairs = dict(zip(words[::2], words[1::2]))
                self.name = pairs.get(b"application_name", b"").decode()

    def end(self, how):
        for side in self.sockets[TO_SERVER]:
            try:
                if how == RESET:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
            side.close()


class Proxy:
    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.lock = threading.Lock()
        self.armed = {}
        self.patterns = []
        self.names = {}
        self.held = {}
        self.passed = {}
        self.cuts = 0
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def dsn(self, database):
        return database.dsn(tcp=True).replace(f"port={self.target[1]}", f"port={self.port}") + \
            " sslmode=disable gssencmode=disable"

    def rename(self, pattern, name):
        with self.lock:
            self.names[pattern] = name

    def hold(self, name, seconds):
        with self.lock:
            self.held[name] = seconds

    def cut(self, name, direction, offset, how=RESET):
        with self.lock:
            self.armed[name, direction] = offset, how
            return self.cuts

    def cut_at(self, prefix, direction, pattern):
        """Cuts a connection whose name begins with this, before these bytes pass in that direction (in one piece)."""
        with self.lock:
            self.patterns.append((prefix, direction, pattern))
            return self.cuts

    def disarm(self):
        with self.lock:
            self.armed = {}
            self.patterns = []

    def bytes_passed(self, name, direction):
        with self.lock:
            return self.passed.get((name, direction), 0)

    def close(self):
        self.running = False
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()

    # ---- the thread ----

    def _run(self):
        while self.running:
            for key, _ in self.selector.select(0.1):
                if key.data is None:
                    self._accept()
                elif key.fileobj.fileno() >= 0:
                    self._pass(key)

    def _accept(self):
        client, _ = self.listener.accept()
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        pair = _Pair(client, server)
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(client, selectors.EVENT_READ, (pair, TO_SERVER))
        self.selector.register(server, selectors.EVENT_READ, (pair, TO_CLIENT))

    def _pass(self, key):
        pair, direction = key.data
        source, target = pair.sockets[direction]
        try:
            data = source.recv(65536)
            if direction == TO_SERVER:
                pair.learn_name(data)
                self._rename(pair, data)
            send, how = self._allowed(pair, direction, data)
            if send and pair.name in self.held:
                time.sleep(self.held[pair.name])
            target.sendall(send)
        except OSError:
            data, how = b"", RESET
        if how == SWALLOW:
            pair.swallows = True
        elif not data or how is not None:
            for side in pair.sockets[TO_SERVER]:
                self.selector.unregister(side)
            pair.end(how or RESET)

    def _rename(self, pair, data):
        for pattern, name in self.names.items():
            if pattern in data:
                pair.name = name

    def _allowed(self, pair, direction, data):
        """What of it passes, and how the connection ends then; None if it goes on."""
        with self.lock:
            if pair.swallows:
                return b"", None
            way = pair.name, direction
            self.passed[way] = self.passed.get(way, 0) + len(data)
            for item in self.patterns:
                prefix, cut_direction, pattern = item
                if cut_direction == direction and (pair.name or "").startswith(prefix) and pattern in data:
                    self.patterns.remove(item)
                    self.cuts += 1
                    return data[:data.index(pattern)], RESET
            if way not in self.armed or not data:
                return data, None
            left, how = self.armed[way]
            if left > len(data):
                self.armed[way] = left - len(data), how
                return data, None
            del self.armed[way]
            self.cuts += 1
            return data[:left], how

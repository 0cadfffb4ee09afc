"""Clients of a cache that write as fast as they can, for redis.py."""
import random
import socket
import threading
import time

import redis_world as world

VALUE, BATCH = b"x" * 2048, 250
# What Redis adds to a key of this length and to such a value, roughly; only used to choose how many keys there are.
ITEM = 2300


def connect(address, password):
    connection = socket.create_connection((address, 6379), timeout=20)
    connection.sendall(b"AUTH app %s\r\n" % password.encode())
    assert connection.recv(64).startswith(b"+OK")
    return connection


def write(connection, keys):
    """Sets all these keys; fails on any answer but OK."""
    connection.sendall(b"".join(b"*3\r\n$3\r\nSET\r\n$10\r\nkey:%06d\r\n$%d\r\n%s\r\n" % (key, len(VALUE), VALUE) for key in keys))
    answer = b""
    while answer.count(b"\n") < len(keys):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the connection was closed")
        answer += more
    if answer != b"+OK\r\n" * len(keys):
        raise world.RedisError(next(line for line in answer.decode().split("\r\n") if line != "+OK"))


def fill(address, password, mebibytes):
    """Writes so many MiB of items; how many there are."""
    items = int(mebibytes * 2**20 / ITEM) // BATCH * BATCH
    with connect(address, password) as connection:
        for first in range(0, items, BATCH):
            write(connection, range(first, first + BATCH))
    return items


class Overwriter(threading.Thread):
    """Writes random ones of the items anew, at full speed, until it is told to end."""

    def __init__(self, address, password, items):
        super().__init__(daemon=True)
        self.address, self.password, self.items = address, password, items
        self.running, self.written, self.error, self.began = True, 0, None, time.monotonic()
        self.start()

    def run(self):
        try:
            with connect(self.address, self.password) as connection:
                while self.running:
                    write(connection, [random.randrange(self.items) for _ in range(BATCH)])
                    self.written += BATCH
        except (OSError, world.RedisError) as error:
            self.error = error

    def end(self):
        """MB of values that were written a second."""
        self.running = False
        self.join()
        return self.written * len(VALUE) / 1e6 / (time.monotonic() - self.began)

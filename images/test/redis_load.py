"""Clients that fill a cache and write it anew, for redis.py."""
import os
import random
import socket
import threading
import time

import redis_world as world

VALUE, BATCH = b"x" * int(os.environ.get("SIZE", 2048)), 250
# What such an item takes in Redis 8: the value in its allocator's next size, and key and entry.
ITEM = len(VALUE) * 1.25 + 110
# Writes a second beside which such items may fill 0.7 of the memory by the plan (docs/capacity-model.md); `inf` is full speed.
RATE = float(os.environ.get("RATE", 9000))


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


class Peak(threading.Thread):
    """The most that a container takes at a time, in MiB, looked at fifty times a second."""

    def __init__(self, memory):
        super().__init__(daemon=True)
        self.memory, self.running, self.most = memory, True, 0
        self.start()

    def run(self):
        while self.running:
            self.most = max(self.most, self.memory.taken())
            time.sleep(0.02)

    def end(self):
        self.running = False
        self.join()
        return self.most


class Overwriter(threading.Thread):
    """Writes random ones of the items anew, RATE a second, until it is told to end."""

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
                    time.sleep(max(0.0, self.began + self.written / RATE - time.monotonic()))
        except (OSError, world.RedisError) as error:
            self.error = error

    def end(self):
        """MB of values that were written a second."""
        self.running = False
        self.join()
        return self.written * len(VALUE) / 1e6 / (time.monotonic() - self.began)

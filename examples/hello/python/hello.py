"""Hello in Python: psycopg, redis-py and pika on what the operator binds.

GET /check uses every tier once and says what happened; GET /healthz says that the process serves.
"hello.py migrate" makes the table.
"""

import json
import os
import signal
import socket
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pika
import psycopg
import redis
from psycopg_pool import ConnectionPool

TABLE = "CREATE TABLE IF NOT EXISTS hello (key text, number int, PRIMARY KEY (key, number))"
INSERT = "INSERT INTO hello (key, number) VALUES (%s, %s)"
SELECT = "SELECT number FROM hello WHERE key = %s AND number = %s"
# Statements that this server connection has prepared: psycopg prepares what it runs for the sixth time.
PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO hello%%'"
ROUNDS = 8


def write(connection, key, number):
    connection.execute(INSERT, (key, number))
    (found,) = connection.execute(SELECT, (key, number)).fetchone()
    assert found == number, f"wrote {number}, read {found}"


def check_database(key):
    for number in range(ROUNDS):
        with database.connection() as connection:
            write(connection, key, number)
    with database.connection() as connection, connection.transaction():
        for number in range(ROUNDS, 2 * ROUNDS):
            write(connection, key, number)
        (prepared,) = connection.execute(PREPARED).fetchone()
    return {"written": 2 * ROUNDS, "prepared": prepared}


def check_reads(key):
    with reads.connection() as connection:
        (rows,) = connection.execute("SELECT count(*) FROM hello WHERE key <> %s", (key,)).fetchone()
        (read_only,) = connection.execute("SHOW transaction_read_only").fetchone()
    return {"rows": rows, "readOnly": read_only == "on"}


def check_cache(key):
    cache.set(key, "kept")
    cache.expire(key, 60)
    return {"value": cache.get(key), "expires": cache.ttl(key)}


def check_sessions(key):
    sessions.set(key, "logged in", ex=int(os.environ["SESSION_TTL_SECONDS"]))
    return {"value": sessions.get(key), "expires": sessions.ttl(key)}


def check_queue(key):
    with pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        # Raises unless the queue has taken and confirmed it.
        channel.basic_publish("", "hello", key.encode(), properties, mandatory=True)
        channel.basic_qos(prefetch_count=1)
        for method, _, body in channel.consume("hello", inactivity_timeout=10):
            assert method is not None, "the queue gave nothing back within 10 s"
            channel.basic_ack(method.delivery_tag)
            return {"confirmed": True, "received": body.decode()}


CHECKS = {
    "database": check_database,
    "reads": check_reads,
    "cache": check_cache,
    "sessions": check_sessions,
    "queue": check_queue,
}


def check():
    key = str(uuid.uuid4())
    said = {"language": "python", "pod": socket.gethostname(), "key": key}
    for name, one in CHECKS.items():
        try:
            said[name] = one(key)
        except Exception as error:
            return 500, said | {"failed": name, "error": f"{type(error).__name__}: {error}"}
    return 200, said


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/check":
            status, said = check()
        elif self.path == "/healthz":
            status, said = 200, {"ok": True}
        else:
            status, said = 404, {"error": "not here"}
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if sys.argv[1:] == ["migrate"]:
    with psycopg.connect(os.environ["DATABASE_DIRECT_URL"]) as connection:
        connection.execute(TABLE)
    sys.exit()

database = ConnectionPool(os.environ["DATABASE_URL"], open=True)
reads = ConnectionPool(os.environ["DATABASE_READ_URL"], open=True)
cache = redis.Redis.from_url(os.environ["CACHE_URL"], decode_responses=True)
sessions = redis.Redis.from_url(os.environ["SESSION_URL"], decode_responses=True)

server = ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()

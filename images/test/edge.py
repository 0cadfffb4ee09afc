"""Load on an edge while the pods behind it come and go as a Deployment lets them. Started by edge.sh."""
import asyncio
import collections
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

CACHE_SECONDS = 5
STOP_AFTER_SECONDS = 10  # the pods' preStop
CLIENTS = 16
EDGE = 18080


def address(pod):
    return f"127.0.1.{pod}"


class Dns(threading.Thread):
    """The headless Service's name, by a cache that is up to five seconds behind."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ready, self.cached, self.since = set(), [], 0.0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.53", 53))
        self.start()

    def run(self):
        while True:
            query, client = self.socket.recvfrom(8192)
            if time.monotonic() - self.since >= CACHE_SECONDS:
                self.cached, self.since = sorted(self.ready), time.monotonic()
            end = 12
            while query[end]:
                end += query[end] + 1
            question = query[12 : end + 5]
            pods = self.cached if struct.unpack(">H", question[-4:-2])[0] == 1 else []
            answer = query[:2] + struct.pack(">HHHHH", 0x8180 if self.cached else 0x8183, 1, len(pods), 0, 0) + question
            for pod in pods:
                answer += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, CACHE_SECONDS, 4) + socket.inet_aton(address(pod))
            self.socket.sendto(answer, client)


async def serve(pod):
    """A pod: 20 ms a request; SIGTERM closes the listener and ends what is under way."""
    busy = 0

    async def connection(reader, writer):
        nonlocal busy
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            busy += 1
            if "content-length:" in head:
                await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
            if "/healthz" not in head:
                await asyncio.sleep(0.02)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
            busy -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, address(pod), 8080)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()
    while busy:
        await asyncio.sleep(0.05)
    os._exit(0)


class Load:
    """Clients that keep their connections for 20 requests, half of them GET, half POST."""

    def __init__(self):
        self.running, self.answers, self.longest = True, collections.Counter(), 0.0
        self.tasks = [asyncio.create_task(self.client("POST" if n % 2 else "GET")) for n in range(CLIENTS)]

    async def client(self, method):
        count, writer = 0, None
        request = f"{method} /orders HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 2\r\n\r\nok".encode()
        while self.running:
            begun = time.monotonic()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", EDGE)
                writer.write(request)
                head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().lower()
                await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
                self.answers[method, head.split()[1]] += 1
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.answers[method, type(error).__name__] += 1
                head = "connection: close"
            self.longest = max(self.longest, time.monotonic() - begun)
            count += 1
            if "connection: close" in head or count % 20 == 0:
                writer = writer and writer.close()
            await asyncio.sleep(0.005)

    async def end(self, what):
        self.running = False
        await asyncio.gather(*self.tasks)
        failed = {key: count for key, count in self.answers.items() if key[1] != "200"}
        print(f"{what}: {sum(self.answers.values())} requests, longest {self.longest:.2f} s, failed {failed or 'none'}")
        return failed


async def leave(pod, dns, pods):
    """As the kubelet does: out of the endpoints at once, SIGTERM after preStop."""
    dns.ready.discard(pod)
    await asyncio.sleep(STOP_AFTER_SECONDS)
    pods.pop(pod).terminate()


async def main(image):
    dns, pods = Dns(), {}

    async def start(*numbers):
        for pod in numbers:
            pods[pod] = subprocess.Popen([sys.executable, __file__, "pod", str(pod)])
        await asyncio.sleep(0.7)
        dns.ready.update(numbers)

    await start(1, 2, 3)
    log = open(f"{image}/tmp/edge.log", "wb")
    command = ["chroot", image, "haproxy", "-W", "-db", "-f", "/tmp/haproxy.cfg"]
    edge = subprocess.Popen(command, stdout=log, stderr=subprocess.DEVNULL)
    await ready()
    load = Load()
    leaving = []
    for old in (1, 2, 3):  # worse than a Deployment: the old one leaves in the moment the new one is ready
        await start(old + 3)
        leaving.append(asyncio.create_task(leave(old, dns, pods)))
        await asyncio.sleep(2)
    await start(7, 8)
    await asyncio.sleep(4)
    leaving += [asyncio.create_task(leave(pod, dns, pods)) for pod in (7, 8)]
    await asyncio.gather(*leaving)
    await asyncio.sleep(3)
    rolled = await load.end("three pods replaced, two more come and go")

    load = Load()
    await asyncio.sleep(2)
    pods.pop(5).kill()
    await asyncio.sleep(6)
    killed = await load.end("one of three pods killed at work")

    load = Load()
    await asyncio.sleep(2)
    edge.send_signal(signal.SIGUSR1)
    await asyncio.to_thread(edge.wait, 35)
    stopped = await load.end("the edge itself told to stop")
    log.close()
    with open(log.name) as lines:
        logged = [json.loads(line) for line in lines if line.startswith("{")]
    print(f"{len(logged)} lines of the access log are JSON")
    assert not rolled, "a request failed while pods were replaced"
    # What was sent to the killed pod and only reads is sent again; what writes must not be.
    assert all(key == ("POST", "502") for key in killed) and sum(killed.values()) <= CLIENTS, "more than was under way failed"
    # Here is no second edge: new connections are refused, what was accepted is answered.
    assert all(outcome == "ConnectionRefusedError" for _, outcome in stopped), "a stopping edge cut a request"
    for pod in pods.values():
        pod.kill()


async def ready():
    for _ in range(100):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", EDGE + 325)
            writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
            if b" 200 " in await reader.readline():
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    raise SystemExit("the edge did not get ready")


if sys.argv[1] == "pod":
    asyncio.run(serve(int(sys.argv[2])))
else:
    asyncio.run(main(sys.argv[1]))

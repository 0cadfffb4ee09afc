"""A site of edges, pods of the caching proxy and an application, as the checks of this folder use it."""
import asyncio
import collections
import json
import re
import sys
import time

import pods as world

WEB = f"{world.NETWORK}30"
EDGES_KEEP_AFTER = 16.5  # seconds, with one for the start of the process


class Web:
    """The application: what it answers for a path is set by the checks, and what it was asked is counted."""

    def __init__(self):
        self.asked = collections.Counter()
        self.pages, self.otherwise = {}, {"Cache-Control": "public, max-age=60"}
        self.failing, self.delay, self.version = False, 0.0, 1
        self.slow = {}  # seconds for a path alone
        self.requests, self.padding = [], 0

    async def start(self, address):
        self.server = await asyncio.start_server(self.connection, address, 8080)
        self.address = address

    async def connection(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split()
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if ": " in line)}
            if path == "/healthz":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            self.asked[path] += 1
            self.requests.append((method, path, headers))
            version, failing = self.version, self.failing
            given = dict(self.pages.get(path.split("?")[0], self.otherwise))
            await asyncio.sleep(self.slow.get(path, self.delay))
            body = f"{path} v{version}".ljust(self.padding).encode()
            status = "500 Internal Server Error" if failing else "200 OK"
            if failing:
                given = {}
            lines = "".join(f"{k}: {v}\r\n" for k, v in given.items())
            writer.write(f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
            writer.write(b"" if method == "HEAD" else body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.cache, self.pod = headers.get("x-cache"), headers.get("x-proxy")
        self.age = int(headers.get("age", -1))

    def __repr__(self):
        return f"<{self.status} {self.cache} {self.pod} age {self.age} {self.body[:40]}>"


async def ask(address, path, method="GET", port=8080, headers=None, timeout=15):
    reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 5)
    try:
        lines = "".join(f"{k}: {v}\r\n" for k, v in {"Host": "site.example", "Connection": "close", **(headers or {})}.items())
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}{length}\r\n".encode())
        raw = await asyncio.wait_for(reader.read(), timeout)
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin1").split("\r\n")
        found = {}
        for line in rest:
            key, value = line.split(":", 1)
            found[key.lower()] = value.strip()
        if "chunked" in found.get("transfer-encoding", ""):
            chunks, rest = [], body
            while rest:
                size, _, rest = rest.partition(b"\r\n")
                chunks.append(rest[: int(size, 16)])
                rest = rest[int(size, 16) + 2 :]
            body = b"".join(chunks)
        return Answer(int(first.split()[1]), found, body.decode())
    finally:
        writer.close()


class Site:
    def __init__(self, edges, proxies, dns, service, web):
        self.edges, self.proxies, self.dns, self.service, self.web = edges, proxies, dns, service, web
        self.others = []

    def close(self):
        """Makes room for another site."""
        self.dns.end()
        for web in [self.web, *self.others]:
            web.server.close()
        self.service.server.close()
        for pod in self.edges + self.proxies:
            pod.remove()

    async def both(self, path, **more):
        return [await ask(edge.address, path, **more) for edge in self.edges]

    async def purge(self, query, token=world.TOKEN, edge=0):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await ask(self.edges[edge].address, f"/purge?{query}", "POST", 8082, headers)
        return answer.status, json.loads(answer.body) if answer.status in (200, 502) else answer.body

    async def seen(self, state, pod, within=15):
        """Waits until each edge has found a pod of the proxy UP, DOWN or so."""
        begun = time.monotonic()
        for edge in self.edges:
            while True:
                text = (await ask(edge.address, "/stats;csv", port=8405)).body
                row = next(line for line in text.splitlines() if line.startswith(f"proxy,{pod.name},"))
                if row.split(",")[17].startswith(state):
                    break
                assert time.monotonic() - begun < within, f"{edge.name} says {row.split(',')[17]} of {pod.name}, not {state}"
                await asyncio.sleep(0.1)
        return time.monotonic() - begun

    async def ready(self, pod, path="/healthz", port=8405):
        for _ in range(200):
            try:
                if (await ask(pod.address, path, port=port)).status == 200:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.1)
        raise AssertionError(f"{pod.name} did not get ready:\n" + open(f"/run/{pod.name}.log").read()[-2000:])

    async def keeping(self):
        """Waits until the edges keep copies: they are old enough for a purge to find them."""
        youngest = max(edge.started for edge in self.edges)
        await asyncio.sleep(max(0.0, youngest + EDGES_KEEP_AFTER - time.monotonic()))

    async def copies(self, edge):
        """How many answers an edge gave from its copies."""
        head, *rows = (await ask(edge.address, "/stats;csv", port=8405)).body.splitlines()
        column = head.split(",").index("cache_hits")
        return int(next(row for row in rows if row.startswith("edge,FRONTEND,")).split(",")[column])

    async def back(self, *those):
        """Pods that were ended run again, empty."""
        for pod in those:
            pod.start()
        for pod in those:
            await self.ready(pod)
            await self.seen("UP", pod)


class Load:
    """Clients that ask one edge after the other."""

    def __init__(self, site, paths, clients=8):
        self.site, self.paths, self.running = site, paths, True
        self.outcomes, self.longest = collections.Counter(), 0.0
        self.tasks = [asyncio.create_task(self.client(n)) for n in range(clients)]

    async def client(self, n):
        while self.running:
            n += 1
            begun = time.monotonic()
            try:
                answer = await ask(self.site.edges[n % 2].address, self.paths[n % len(self.paths)])
                self.outcomes[answer.status, answer.cache] += 1
            except (OSError, asyncio.TimeoutError, ValueError, IndexError) as error:
                self.outcomes[type(error).__name__, None] += 1
            self.longest = max(self.longest, time.monotonic() - begun)
            await asyncio.sleep(0.002)

    async def end(self):
        self.running = False
        await asyncio.gather(*self.tasks)
        failed = {key: count for key, count in self.outcomes.items() if key[0] != 200}
        return sum(self.outcomes.values()), failed


async def made(haproxy, varnish, found, proxies=2):
    """A site whose pods are not started."""
    app = re.search(r"server (\S+)-proxy-0 ", found["haproxy.cfg"])[1]
    dns, service, web = world.Dns(app), world.Service(8081), Web()
    dns.web.add(WEB)
    await web.start(WEB)
    await service.start()
    edges, proxies = world.pods(haproxy, varnish, found, app, proxies=proxies)
    service.targets = [edge.address for edge in edges]
    dns.edges = set(service.targets)
    return Site(edges, proxies, dns, service, web)


async def run(site, checks, wanted):
    """Starts the pods, runs the checks whose names have one of the wanted words, and ends the pods."""
    pods = site.edges + site.proxies
    failed = 0
    for pod in pods:
        pod.start()
    try:
        for edge in site.edges:
            await site.ready(edge, "/readyz")
        for pod in site.proxies:
            await site.ready(pod)
            await site.seen("UP", pod, 30)
        for function in checks:
            name = function.__name__.replace("_", " ")
            if wanted and not any(word in name for word in wanted):
                continue
            site.web.__dict__.update(failing=False, delay=0.0, version=1, slow={})
            site.web.asked.clear()
            site.web.requests.clear()
            before = asyncio.all_tasks()
            try:
                print(f"ok    {name}: {await function(site) or ''}".rstrip(": "), flush=True)
            except Exception as error:
                failed += 1
                print(f"FAIL  {name}: {type(error).__name__} {error}", flush=True)
            for task in asyncio.all_tasks() - before:
                task.cancel()
    except BaseException:
        failed += 1
        raise
    finally:
        for pod in pods:
            pod.kill()
        for pod in pods if failed else []:
            lines = [line for line in open(f"/run/{pod.name}.log", errors="replace") if not line.startswith("{")]
            print(f"--- {pod.name}\n" + "".join(lines)[-1500:])
    return failed


def begin(main):
    """Runs a program of checks: the two images' folders, the file of configurations, and words of the checks that are wanted."""
    haproxy, varnish, files, *wanted = sys.argv[1:]
    world.plumb()
    failed = asyncio.run(main(haproxy, varnish, json.load(open(files)), [word.replace("_", " ") for word in wanted]))
    if failed:
        sys.exit(f"{failed} checks failed")

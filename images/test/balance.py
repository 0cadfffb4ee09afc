"""How the edges spread requests over the services' pods, by each algorithm, and what they let a client ask. Started by proxy.sh."""
import asyncio
import collections
import sys
import time

# Python's own modules first: queue.py beside this file is none of them.
sys.path.append(sys.path.pop(0))
import pods as world  # noqa: E402
from site_of_pods import Web, ask, begin, made, run  # noqa: E402

PODS = 4
SLOW = 1.0  # seconds, of the last pod; the others take a tenth


class Named(Web):
    """A pod that says who it is."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.otherwise = {"Cache-Control": "private", "Pod": name}
        self.pages["/public"] = {"Cache-Control": "public, max-age=60", "Pod": name}


async def web_pods(site):
    """Four pods in place of the one, known to both edges."""
    site.web.server.close()
    pods = site.others = [Named(f"web-{n}") for n in range(PODS)]
    for n, pod in enumerate(pods):
        await pod.start(f"{world.NETWORK}{31 + n}")
    site.dns.web = {pod.address for pod in pods}
    await found(site, "web", PODS)
    await asyncio.sleep(6)  # the slow start of a pod that has just come
    return pods


async def found(site, service, count):
    """Both edges have so many pods of a service."""
    for edge in site.edges:
        while True:
            text = (await ask(edge.address, "/stats;csv", port=8405)).body
            rows = [line.split(",") for line in text.splitlines() if line.startswith(f"{service},{service}-")]
            if sum(row[17].startswith("UP") for row in rows) == count:
                break
            await asyncio.sleep(0.2)


async def split(site):
    """The four pods, and one of the service that takes a tenth."""
    pods, following = await web_pods(site), Named("next")
    await following.start(f"{world.NETWORK}{31 + PODS}")
    site.others.append(following)
    site.dns.next = {following.address}
    await found(site, "next", 1)
    return pods, following


async def percents_split_the_requests_of_a_path(site):
    _, following = await split(site)
    turns, counts = 4000, collections.Counter()

    async def some(first):
        for n in range(first, turns, 16):
            answer = await ask(site.edges[n % 2].address, f"/{n}")
            assert answer.status == 200, answer
            counts[answer.headers["pod"]] += 1

    await asyncio.gather(*(some(first) for first in range(16)))
    part = 100 * counts["next"] / turns
    assert 8 <= part <= 12, counts
    # Without a pod of its own a service gets none, and nobody notices.
    site.dns.next.clear()
    following.server.close()
    await found(site, "next", 0)
    counts.clear()
    await asyncio.gather(*(some(first) for first in range(16)))
    assert not counts["next"], counts
    return f"{turns} requests, {part:.1f} % of them to the service that takes 10; none failed after its only pod was gone"


async def with_cookies_a_client_stays_at_its_service(site):
    await split(site)
    services = collections.Counter()

    async def visit(client):
        cookies, seen = {}, set()
        for turn in range(6):
            headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())} if cookies else {}
            answer = await ask(site.edges[(client + turn) % 2].address, f"/{client}", headers=headers)
            assert answer.status == 200, answer
            given = answer.headers.get("set-cookie")
            if given:
                cookies.update([given.split(";")[0].split("=", 1)])
            seen.add(answer.headers["pod"])
        assert len(seen) == 1, seen
        services["next" if seen == {"next"} else "web"] += 1

    await asyncio.gather(*(visit(client) for client in range(400)))
    assert 20 <= services["next"] <= 64, services
    return f"400 clients, 6 requests each over both edges: {dict(services)}, each stayed at its pod"


async def shares(site, pods, clients=16, seconds=10):
    """Part of the requests that each pod got, in percent, from clients that ask as fast as they are answered."""
    for n, pod in enumerate(pods):
        pod.delay = SLOW if n == PODS - 1 else SLOW / 10
    counts, end = collections.Counter(), time.monotonic() + seconds

    async def client(n):
        while time.monotonic() < end:
            answer = await ask(site.edges[n % 2].address, f"/{n}")
            assert answer.status == 200, answer
            counts[answer.headers["pod"]] += 1

    await asyncio.gather(*(client(n) for n in range(clients)))
    total = sum(counts.values())
    return total, [round(100 * counts[pod.name] / total, 1) for pod in pods]


async def round_robin_gives_each_pod_the_same(site):
    total, parts = await shares(site, await web_pods(site))
    assert all(24 <= part <= 26 for part in parts), parts
    return f"{total} requests, percent of each of four pods, the last ten times as slow: {parts}"


async def least_requests_spares_a_slow_pod(site):
    total, parts = await shares(site, await web_pods(site))
    assert parts[-1] < 8 and max(parts[:-1]) - min(parts[:-1]) < 6, parts
    return f"{total} requests, percent of each of four pods, the last ten times as slow: {parts}"


async def a_cookie_keeps_a_client_at_its_pod(site):
    pods = await web_pods(site)
    pod_of, moved = {}, 0

    async def visit(client, turns=6):
        cookies, seen = pod_of.get(client, ("", None))[0], []
        for turn in range(turns):
            answer = await ask(site.edges[(client + turn) % 2].address, "/basket", headers={"Cookie": cookies} if cookies else {})
            assert answer.status == 200, answer
            given = answer.headers.get("set-cookie")
            assert turn or cookies or given, "no cookie at the first visit"
            cookies = given.split(";")[0] if given else cookies
            seen.append(answer.headers["pod"])
        pod_of[client] = (cookies, seen[-1])
        return seen

    for seen in await asyncio.gather(*(visit(client) for client in range(200))):
        assert len(set(seen)) == 1, seen
    first = {client: pod for client, (_, pod) in pod_of.items()}
    spread = sorted(collections.Counter(first.values()).items())
    assert len(spread) == PODS and min(count for _, count in spread) > 25, spread
    # A pod goes: its clients get another one and stay there; the others stay where they are.
    site.dns.web.discard(pods[0].address)
    pods[0].server.close()
    await asyncio.sleep(4)
    for client, seen in enumerate(await asyncio.gather(*(visit(client) for client in range(200)))):
        assert len(set(seen)) == 1 and seen[0] != pods[0].name, seen
        moved += seen[0] != first[client]
        assert first[client] == pods[0].name or seen[0] == first[client], (first[client], seen)
    # What is public is for everybody: it carries nobody's cookie.
    answer = await ask(site.edges[0].address, "/public")
    assert "set-cookie" not in answer.headers and answer.headers["cache-control"] == "public, max-age=60", answer.headers
    return f"200 clients, of each pod {dict(spread)}, 6 requests each over both edges; with {pods[0].name} gone {moved} moved"


async def a_client_gets_what_the_limit_allows_and_no_more(site):
    """10 a second, 20 at once."""
    seconds, answers = 8, collections.Counter()

    async def client(address, pause, kind):
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            n += 1
            answer = await ask(site.edges[n % 2].address, "/limited", "POST", headers={"X-Forwarded-For": f"203.0.113.9, {address}"})
            answers[kind, answer.status] += 1
            if answer.status == 429:
                assert answer.headers["retry-after"] == "1", answer.headers
            await asyncio.sleep(pause)

    await asyncio.gather(client("198.51.100.1", 0.01, "greedy"), client("198.51.100.2", 0.15, "modest"),
                         client("2001:db8:1::1", 0.02, "network"), client("2001:db8:1::2", 0.02, "network"))
    allowed = 20 + 10 * seconds
    for kind in ("greedy", "network"):
        assert 0.8 * allowed - 20 <= answers[kind, 200] <= 1.15 * allowed, (kind, answers)
        assert answers[kind, 429] > 0, answers
    assert answers["modest", 429] == 0, answers
    return f"in {seconds} s: {dict(answers)}"


async def main(haproxy, varnish, files, wanted):
    failed = 0
    for kind, function in (("RoundRobin", round_robin_gives_each_pod_the_same), ("LeastRequests", least_requests_spares_a_slow_pod),
                           ("Cookie", a_cookie_keeps_a_client_at_its_pod), ("limited", a_client_gets_what_the_limit_allows_and_no_more),
                           ("split", percents_split_the_requests_of_a_path),
                           ("splitWithCookie", with_cookies_a_client_stays_at_its_service)):
        if wanted and not any(word in function.__name__.replace("_", " ") for word in wanted):
            continue
        site = await made(haproxy, varnish, {**files["site"], "haproxy.cfg": files["edges"][kind]}, proxies=0)
        failed += await run(site, [function], [])
        site.close()
    return failed


if __name__ == "__main__":
    begin(main)

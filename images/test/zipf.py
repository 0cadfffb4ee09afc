"""Share of requests that the caching proxy answers when pages are asked for by Zipf's law, through two edges and two pods, beside
the plan's figure for the same load. Open loop: requests come at the planned rate, however long the answers take. Prints JSON."""
import asyncio
import bisect
import collections
import itertools
import json
import os
import random
import sys

# Python's own modules first: queue.py beside this file is none of them.
sys.path.append(sys.path.pop(0))
from site_of_pods import ask, begin, made  # noqa: E402

RATE, PAGES, EXPONENT, TTL = (float(os.environ[name]) for name in ("RATE", "PAGES", "EXPONENT", "TTL"))
PLANNED = float(os.environ["PLANNED"])
MEASURED_SECONDS = float(os.environ.get("SECONDS_EACH", 180))


async def load(site, seconds, dice, cumulative):
    """Sends requests for so long; how many answers were hits, misses and passes."""
    loop, seen, under_way = asyncio.get_running_loop(), collections.Counter(), set()

    async def one(path, edge):
        answer = await ask(edge.address, path)
        assert answer.status == 200, answer
        seen[answer.cache] += 1

    due = loop.time()
    end = due + seconds
    while due < end:
        due += dice.expovariate(RATE)
        await asyncio.sleep(max(0.0, due - loop.time()))
        page = bisect.bisect(cumulative, dice.random() * cumulative[-1])
        task = asyncio.create_task(one(f"/page/{page}", dice.choice(site.edges)))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    return seen


async def main(haproxy, varnish, files, wanted):
    site = await made(haproxy, varnish, files["site"])
    site.web.otherwise = {"Cache-Control": f"public, max-age={TTL:.0f}"}
    pods = [*site.edges, *site.proxies]
    dice = random.Random(1)
    cumulative = list(itertools.accumulate(rank ** -EXPONENT for rank in range(1, int(PAGES) + 1)))
    try:
        for pod in pods:
            pod.start()
        for pod in site.proxies:
            await site.ready(pod)
            await site.seen("UP", pod, 30)
        await load(site, 2 * TTL, dice, cumulative)
        seen = await load(site, MEASURED_SECONDS, dice, cumulative)
        asked = sum(seen.values())
        print(json.dumps({"planned": round(PLANNED, 3), "measured": round(seen["hit"] / asked, 3), "requests": asked, **seen}))
    finally:
        for pod in pods:
            pod.kill()
    return 0


if __name__ == "__main__":
    begin(main)

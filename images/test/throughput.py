"""Cached answers a second: through two edges and two pods of the proxy, and from one Varnish that was tuned by hand.

Both in turn, several times, on the same processors, load and edges too: what counts is the ratio. Beside it the processor time that each
side takes for an answer. Prints JSON."""
import asyncio
import json
import os
import statistics
import sys
import time

# Python's own modules first: queue.py beside this file is none of them.
sys.path.append(sys.path.pop(0))
import cpu  # noqa: E402
import pods as world  # noqa: E402
from site_of_pods import WEB, ask, begin, made  # noqa: E402

# So many that the hash gives each pod nearly the same share of them.
OBJECTS, BYTES = 1000, 10240
ROUNDS, SECONDS, CONNECTIONS = int(os.environ.get("ROUNDS", 5)), int(os.environ.get("SECONDS_EACH", 6)), 32

TUNED_VCL = f"""vcl 4.1;
backend origin {{ .host = "{WEB}"; .port = "8080"; }}
sub vcl_recv {{ if (req.method == "GET") {{ return (hash); }} }}
sub vcl_backend_response {{ set beresp.ttl = 1h; }}
"""
TUNED = ["varnishd", "-F", "-j", "none", "-n", "/var/lib/varnish/varnishd", "-f", "/etc/varnish/default.vcl", "-a", ":8080", "-T", "none",
         "-s", "malloc,256m", "-p", "thread_pools=2", "-p", "thread_pool_min=200", "-p", "thread_pool_max=2000", "-p", "timeout_idle=65",
         "-p", "vsl_space=16M", "-p", "listen_depth=4096"]
SCRIPT = f"""
math.randomseed(tonumber(os.getenv("SEED") or "1"))
request = function() return wrk.format("GET", "/object/" .. math.random(0, {OBJECTS - 1})) end
"""


async def load(addresses):
    """Answers a second from all of these addresses together."""
    async def one(address, seed):
        process = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", "load", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", "/run/objects.lua", "-H", "Host: site.example", f"http://{address}:8080/",
            env={**os.environ, "SEED": str(seed)}, stdout=asyncio.subprocess.PIPE)
        text = (await process.communicate())[0].decode()
        assert "Non-2xx" not in text and "Socket errors" not in text, text
        return float(text.split("Requests/sec:")[1].split()[0])

    return sum(await asyncio.gather(*(one(address, seed) for seed, address in enumerate(addresses, 1))))


async def warm(site, tuned):
    """Every object is where it will be asked for."""
    for n in range(OBJECTS):
        for address in [pod.address for pod in [*site.edges, *site.proxies, tuned]]:
            assert len((await ask(address, f"/object/{n}")).body) >= BYTES


async def in_turn(ways, groups):
    """Median answers a second of each way, and the microseconds of each group's processor time for one of them."""
    found, used = {name: [] for name in ways}, {name: {group: [] for group in groups} for name in ways}
    for _ in range(ROUNDS):
        for name, addresses in ways.items():
            before, begun = {group: groups[group].used() for group in groups}, time.monotonic()
            found[name].append(await load(addresses))
            answers = found[name][-1] * (time.monotonic() - begun)
            for group in groups:
                used[name][group].append(1e6 * (groups[group].used() - before[group]) / answers)
    middle = {name: round(statistics.median(rates)) for name, rates in found.items()}
    return middle, {name: {group: round(statistics.median(parts), 1) for group, parts in each.items()} for name, each in used.items()}


async def main(haproxy, varnish, files, wanted):
    site = await made(haproxy, varnish, files["site"])
    site.web.otherwise = {"Cache-Control": "public, max-age=3600"}
    site.web.padding = BYTES
    tuned = world.Pod("tuned", 29, varnish, TUNED, {"/etc/varnish": {"default.vcl": TUNED_VCL}, "/var/lib/varnish": {}}, {})
    open("/run/objects.lua", "w").write(SCRIPT)
    # The load comes over the network, as requests come from edges: each side's Varnish has one way to whoever asks it.
    world.Pod("load", 28, None, [], {}, {})
    pods = [*site.edges, *site.proxies, tuned]
    groups = {name: cpu.Group(name) for name in ("load", "edges", "proxies", "tuned")}
    of = {**dict.fromkeys(site.edges, "edges"), **dict.fromkeys(site.proxies, "proxies"), tuned: "tuned"}
    try:
        groups["load"].enter()
        for pod in pods:
            pod.group = groups[of[pod]]
            pod.start()
        for pod in site.proxies:
            await site.ready(pod)
            await site.seen("UP", pod, 30)
        await site.ready(tuned, "/object/0", 8080)
        await warm(site, tuned)
        await site.keeping()
        edges, one = [edge.address for edge in site.edges], [tuned.address] * 2
        copies = sum([await site.copies(edge) for edge in site.edges])
        rates, used = await in_turn({"edges": edges, "tuned": one, "pod": [site.proxies[0].address] * 2}, groups)
        copies = sum([await site.copies(edge) for edge in site.edges]) - copies
        print(json.dumps({
            **rates, "edges/tuned": round(rates["edges"] / rates["tuned"], 2), "pod/tuned": round(rates["pod"] / rates["tuned"], 2),
            "fetches": sum(site.web.asked.values()), "copies": copies,
            **{f"us.{way}.{group}": part for way, each in used.items() for group, part in each.items()},
        }))
    finally:
        for pod in pods:
            pod.kill()
        groups["load"].leave()
        for group in groups.values():
            group.remove()
    return 0


if __name__ == "__main__":
    begin(main)

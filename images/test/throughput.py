"""Cached answers a second: through two edges and two pods of the proxy, and from one Varnish that was tuned by hand.

Both in turn, several times, on the same processors: what counts is the ratio. Prints JSON."""
import asyncio
import json
import os
import statistics
import sys

# Python's own modules first: queue.py beside this file is none of them.
sys.path.append(sys.path.pop(0))
import pods as world  # noqa: E402
from site_of_pods import WEB, ask, begin, made  # noqa: E402

OBJECTS, BYTES = 200, 10240
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
            "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", "/run/objects.lua", "-H", "Host: site.example", f"http://{address}:8080/",
            env={**os.environ, "SEED": str(seed)}, stdout=asyncio.subprocess.PIPE)
        text = (await process.communicate())[0].decode()
        assert "Non-2xx" not in text and "Socket errors" not in text, text
        return float(text.split("Requests/sec:")[1].split()[0])

    return sum(await asyncio.gather(*(one(address, seed) for seed, address in enumerate(addresses, 1))))


async def main(haproxy, varnish, files, wanted):
    site = await made(haproxy, varnish, files["site"])
    site.web.otherwise = {"Cache-Control": "public, max-age=3600"}
    site.web.padding = BYTES
    tuned = world.Pod("tuned", 29, varnish, TUNED, {"/etc/varnish": {"default.vcl": TUNED_VCL}, "/var/lib/varnish": {}}, {})
    open("/run/objects.lua", "w").write(SCRIPT)
    pods = [*site.edges, *site.proxies, tuned]
    try:
        for pod in pods:
            pod.start()
        for pod in site.proxies:
            await site.ready(pod)
            await site.seen("UP", pod, 30)
        await site.ready(tuned, "/object/0", 8080)
        for n in range(OBJECTS):
            for address in [site.edges[0].address, site.edges[1].address, tuned.address, site.proxies[0].address]:
                assert len((await ask(address, f"/object/{n}")).body) >= BYTES
        edges, one = [edge.address for edge in site.edges], [tuned.address] * 2
        ways = {"edges": edges, "tuned": one, "pod": [site.proxies[0].address] * 2}
        found = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, addresses in ways.items():
                found[name].append(await load(addresses))
        middle = {name: round(statistics.median(rates)) for name, rates in found.items()}
        print(json.dumps({**middle, "edges/tuned": round(middle["edges"] / middle["tuned"], 2),
                          "pod/tuned": round(middle["pod"] / middle["tuned"], 2), "fetches": sum(site.web.asked.values())}))
    finally:
        for pod in pods:
            pod.kill()
    return 0


if __name__ == "__main__":
    begin(main)

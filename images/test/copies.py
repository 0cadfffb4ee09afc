"""What the edges' copies of popular answers promise, one check after the other. Started by proxy.sh."""
import asyncio
import signal
import sys
import time

# Python's own modules first: queue.py beside this file is none of them.
sys.path.append(sys.path.pop(0))
from site_of_pods import ask, begin, made, run  # noqa: E402


async def two_headers_of_one_name_reach_no_copy_that_others_get(site):
    edge = site.edges[0].address
    for number, header in enumerate(("X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto")):
        path = f"/twice/{number}"
        assert (await ask(edge, path, headers={header: f"one\r\n{header}: evil"})).cache == "pass", header
        assert (await ask(edge, path, headers={header: "one"})).cache == "miss", header


async def kept(site, edge, path, headers=None):
    """Whether an edge answers from a copy after a few requests; the answers."""
    before = await site.copies(edge)
    answers = [await ask(edge.address, path, headers=headers) for _ in range(4)]
    return await site.copies(edge) > before, answers


async def an_edge_keeps_what_is_asked_often_and_stays_fresh(site):
    await site.keeping()
    one = site.edges[0]
    site.web.pages.update({
        "/often/short": {"Cache-Control": "public, max-age=2"},
        "/often/cookie": {"Cache-Control": "public, max-age=60", "Vary": "Cookie"},
        "/often/encoding": {"Cache-Control": "public, max-age=60", "Vary": "Accept-Encoding"},
        "/often/private": {"Cache-Control": "private, max-age=60"},
    })
    found, answers = await kept(site, one, "/often/page")
    assert found and [a.cache for a in answers] == ["miss", "hit", "hit", "hit"], answers
    assert {(a.status, a.body, a.pod) for a in answers} == {(200, "/often/page v1", answers[0].pod)}, answers
    assert all(a.age in (0, 1) and "x-scaledapp-copy" not in a.headers for a in answers), [a.headers for a in answers]
    await asyncio.sleep(2.2)
    later = await ask(one.address, "/often/page")
    assert later.age >= 2, later
    for path in ("/often/short", "/often/cookie", "/often/private"):
        assert not (await kept(site, one, path))[0], path
    assert (await kept(site, one, "/often/encoding"))[0]
    found, answers = await kept(site, one, "/often/page", {"Range": "bytes=0-3"})
    assert not found and answers[0].status == 206, answers
    for header in ("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "Host"):
        assert (await ask(one.address, "/often/page", headers={header: "other"})).cache == "miss", header
    began, before = time.monotonic(), await site.copies(one)
    while time.monotonic() < began + 4:
        assert (await ask(one.address, "/often/page")).cache == "hit"
    assert site.web.asked["/often/page"] == 6, site.web.asked["/often/page"]
    return f"{await site.copies(one) - before} of the answers in 4 s were copies"


async def a_purge_ends_the_copies_of_every_edge(site):
    await site.keeping()
    for number, query in enumerate(("url=/gone/0", "tag=gone-1", "prefix=/gone/2", "url=/gone/3")):
        path = f"/gone/{number}"
        site.web.pages[path] = {"Cache-Control": "public, max-age=600", "xkey": f"gone-{number}"}
        for edge in site.edges:
            assert (await kept(site, edge, path))[0], (edge.name, path)
        site.web.version = 2 + number
        began = time.monotonic()
        status, body = await site.purge(query, edge=number % 2)
        took = time.monotonic() - began
        answers = await site.both(path)
        assert status == 200 and all(a.body.endswith(f"v{2 + number}") for a in answers), (query, answers)
        assert took < 1, took
    # An edge that cannot be told may have a copy for three seconds: so long the purge takes.
    for edge in site.edges:
        assert (await kept(site, edge, "/gone/0"))[0]
    site.web.version = 9
    site.edges[1].everywhere(signal.SIGSTOP)
    began = time.monotonic()
    try:
        status, body = await site.purge("url=/gone/0")
        silent = time.monotonic() - began
    finally:
        site.edges[1].everywhere(signal.SIGCONT)
    answers = await site.both("/gone/0")
    assert status == 200 and all(a.body.endswith("v9") for a in answers), answers
    assert 3 <= silent < 5, silent
    for token in (None, "wrong"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert (await ask(site.edges[0].address, "/forget", "POST", 8082, headers)).status == 401
    return f"at once; with a silent edge after {silent:.1f} s"


CHECKS = [
    two_headers_of_one_name_reach_no_copy_that_others_get,
    an_edge_keeps_what_is_asked_often_and_stays_fresh,
    a_purge_ends_the_copies_of_every_edge,
]


async def main(haproxy, varnish, files, wanted):
    return await run(await made(haproxy, varnish, files["site"]), CHECKS, wanted)


if __name__ == "__main__":
    begin(main)

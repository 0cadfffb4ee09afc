"""What the caching proxy promises, one check after the other. Started by proxy.sh."""
import asyncio
import collections
import signal
import sys
import time

# Python's own modules first: queue.py beside this file is none of them.
sys.path.append(sys.path.pop(0))
import pods as world  # noqa: E402
from site_of_pods import WEB, Load, ask, begin, made, run  # noqa: E402

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
async def each_object_is_fetched_once_over_two_pods_and_two_edges(site):
    paths = [f"/products/{n}?size={n % 3}" for n in range(120)]
    where = collections.Counter()
    for path in paths:
        answers = await site.both(path) + await site.both(path)
        assert [a.status for a in answers] == [200] * 4, answers
        assert [a.cache for a in answers] == ["miss", "hit", "hit", "hit"], answers
        assert len({a.pod for a in answers}) == 1, answers
        where[answers[0].pod] += 1
    fetched = {path: site.web.asked[path] for path in paths}
    assert set(fetched.values()) == {1}, fetched
    return f"{len(paths)} addresses, {sum(fetched.values())} fetches, of each pod {dict(sorted(where.items()))}"


@check
async def answers_say_hit_miss_or_pass_and_their_age(site):
    site.web.pages["/cart"] = {"Cache-Control": "private"}
    site.web.pages["/plain"] = {}
    site.web.pages["/log-in"] = {"Cache-Control": "public, max-age=60", "Set-Cookie": "session=1"}
    first = await ask(site.edges[0].address, "/aged")
    await asyncio.sleep(2.1)
    second = await ask(site.edges[1].address, "/aged")
    assert (first.cache, first.age, second.cache) == ("miss", 0, "hit") and second.age >= 2, (first, second)
    for path in ("/cart", "/plain", "/log-in"):
        for answer in await site.both(path) + await site.both(path):
            assert answer.cache == "pass", answer
        assert site.web.asked[path] == 4, site.web.asked[path]
    for method, headers in (("POST", {}), ("GET", {"Authorization": "Basic eDp4"})):
        answer = await ask(site.edges[0].address, "/aged", method, headers=headers)
        assert (answer.cache, answer.pod) == ("pass", None), answer
    for answer in (first, second):
        extra = set(answer.headers) & {"xkey", "x-varnish", "x-scaledapp-url", "x-scaledapp-fresh"}
        assert not extra, extra
    head = await ask(site.edges[0].address, "/aged", "HEAD")
    assert (head.cache, head.body) == ("hit", ""), head
    return f"age {second.age}"


@check
async def a_cookie_hits_what_is_public_and_never_gets_anothers_page(site):
    site.web.pages["/mine"] = {"Cache-Control": "public, max-age=60", "Vary": "Cookie"}
    edge = site.edges[0].address
    cookie = {"Cookie": "session=abc"}
    await ask(edge, "/public")
    assert (await ask(edge, "/public", headers=cookie)).cache == "hit"
    assert (await ask(edge, "/mine")).cache == "miss"
    assert (await ask(edge, "/mine")).cache == "hit"
    for _ in range(2):
        assert (await ask(edge, "/mine", headers=cookie)).cache == "pass"
    assert (await ask(edge, "/mine")).cache == "hit"


@check
async def who_is_named_in_x_forwarded_for_gets_his_own_page(site):
    site.web.pages["/near"] = {"Cache-Control": "public, max-age=60", "Vary": "X-Forwarded-For"}
    for client in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        answer = await ask(site.edges[0].address, "/near", headers={"X-Forwarded-For": client})
        assert answer.cache == "pass", answer
    seen = [headers["x-forwarded-for"] for _, path, headers in site.web.requests if path == "/near"]
    assert seen == ["192.0.2.1", "192.0.2.2", "192.0.2.1"], seen


@check
async def of_those_on_the_way_only_varnish_itself_goes_unnamed(site):
    site.web.pages["/via"] = {"Cache-Control": "public, max-age=60", "Via": "1.1 elsewhere"}
    for path, named in (("/via", "1.1 elsewhere"), ("/without", None)):
        for answer in await site.both(path):
            assert answer.headers.get("via") == named, (path, answer.headers)


@check
async def nobody_writes_into_what_others_get(site):
    edge = site.edges[0].address
    for number, header in enumerate(("X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto", "Forwarded",
                                     "X-Original-URL", "X-HTTP-Method-Override")):
        path = f"/poison/{number}"
        await ask(edge, path, headers={header: "evil"})
        assert (await ask(edge, path)).cache == "miss", header
        assert (await ask(edge, path, headers={header: "evil"})).cache != "miss", header
        assert site.web.asked[path] == 2 or (await ask(edge, path, headers={header: "evil"})).cache == "pass", header


@check
async def the_origin_sees_requests_as_without_a_proxy(site):
    edge = site.edges[0].address
    await ask(edge, "/seen", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Request-ID": "r1"})
    await ask(edge, "/seen", "POST", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Request-ID": "r1"})
    by_proxy, direct = [headers for _, path, headers in site.web.requests if path == "/seen"]
    for headers in (by_proxy, direct):
        headers.pop("content-length", None)
        headers.pop("connection", None)
        headers.pop("accept-encoding", None)
        headers.pop("x-varnish", None)
    assert by_proxy == direct, (by_proxy, direct)


@check
async def many_waiters_cost_one_fetch(site):
    site.web.delay = 0.5
    answers = await asyncio.gather(*(ask(site.edges[n % 2].address, "/slow") for n in range(200)))
    assert {a.status for a in answers} == {200} and site.web.asked["/slow"] == 1, site.web.asked["/slow"]
    return f"{len(answers)} waiters, {site.web.asked['/slow']} fetch"


@check
async def what_is_not_kept_makes_nobody_wait(site):
    site.web.pages["/own"] = {"Cache-Control": "no-store"}
    await ask(site.edges[0].address, "/own")
    site.web.delay = 0.5
    begun = time.monotonic()
    answers = await asyncio.gather(*(ask(site.edges[n % 2].address, "/own") for n in range(30)))
    took = time.monotonic() - begun
    assert {a.status for a in answers} == {200} and took < 4, took
    return f"30 at once in {took:.1f} s"


@check
async def an_old_answer_serves_while_a_new_one_is_fetched(site):
    site.web.pages["/stale"] = {"Cache-Control": "public, max-age=1"}
    edge = site.edges[0].address
    await ask(edge, "/stale")
    await asyncio.sleep(2)
    site.web.delay, site.web.version = 1.0, 2
    begun = time.monotonic()
    old = await ask(edge, "/stale")
    took = time.monotonic() - begun
    assert old.cache == "hit" and old.body.endswith("v1") and took < 0.6, (old, took)
    await asyncio.sleep(1.5)
    site.web.delay = 0
    new = await ask(edge, "/stale")
    assert new.body.endswith("v2") and site.web.asked["/stale"] == 2, (new, site.web.asked["/stale"])
    return f"old one within {took * 1000:.0f} ms"


@check
async def beyond_that_time_the_new_one_is_waited_for(site):
    site.web.pages["/older"] = {"Cache-Control": "public, max-age=1, stale-while-revalidate=1"}
    edge = site.edges[0].address
    await ask(edge, "/older")
    await asyncio.sleep(3.5)
    site.web.version = 2
    answer = await ask(edge, "/older")
    assert answer.body.endswith("v2") and answer.cache == "miss", answer


@check
async def errors_of_the_origin_are_hidden_by_old_answers(site):
    paths = ["/f/short", "/f/swr", "/f/never"]
    site.web.pages["/f/short"] = {"Cache-Control": "public, max-age=1"}
    site.web.pages["/f/swr"] = {"Cache-Control": "public, max-age=1, stale-while-revalidate=1"}
    site.web.pages["/f/never"] = {"Cache-Control": "public, max-age=1, must-revalidate"}
    for path in paths:
        await ask(site.edges[0].address, path)
    await asyncio.sleep(3.5)
    site.web.failing, site.web.version = True, 2
    for path in paths[:2]:
        for answer in await site.both(path) + await site.both(path):
            assert (answer.status, answer.cache) == (200, "hit") and answer.body.endswith("v1"), (path, answer)
    for answer in await site.both("/f/never"):
        assert answer.status == 500, answer
    first = await ask(site.edges[0].address, "/f/unknown")
    assert first.status == 500 and first.body == "/f/unknown v2", first
    # Many at once while it fails slowly: the second of the two needs a fetch first.
    await asyncio.sleep(2.5)
    site.web.delay = 1.0
    begun = time.monotonic()
    answers = await asyncio.gather(*(ask(site.edges[n % 2].address, "/f/swr") for n in range(100)))
    took = time.monotonic() - begun
    assert {a.status for a in answers} == {200} and took < 4, (collections.Counter(a.status for a in answers), took)
    site.web.failing, site.web.delay = False, 0
    await asyncio.sleep(2.5)
    for path in paths:
        await ask(site.edges[0].address, path)
    await asyncio.sleep(0.3)
    for path in paths:
        answer = await ask(site.edges[0].address, path)
        assert answer.body.endswith("v2"), (path, answer)
    return f"100 at once on an origin that fails after 1 s: {took:.1f} s"


@check
async def with_all_services_gone_old_answers_serve(site):
    site.web.pages["/g"] = {"Cache-Control": "public, max-age=1, stale-while-revalidate=0"}
    for path in ("/g?1", "/g?2"):
        await ask(site.edges[0].address, path)
    site.web.server.close()
    await asyncio.sleep(6)
    begun = time.monotonic()
    answers = [a for n in range(1, 3) for a in await site.both(f"/g?{n}")]
    took = time.monotonic() - begun
    await site.web.start(WEB)
    assert [a.status for a in answers] == [200] * 4 and took < 1, (answers, took)
    await asyncio.sleep(4)
    return f"four in {took * 1000:.0f} ms"


@check
async def a_purge_by_url_or_tag_reaches_every_pod(site):
    for n in range(8):
        site.web.pages[f"/t/{n}"] = {"Cache-Control": "public, max-age=600", "xkey": f"product-{n} all-products"}
    # On both pods: as after the other one was away.
    for pod in site.proxies:
        for n in range(8):
            await ask(pod.address, f"/t/{n}")
    status, body = await site.purge("url=/t/3")
    assert status == 200 and body["complete"] and body["objects"] == 2, (status, body)
    assert [pod["state"] for pod in body["pods"]] == ["purged"] * 2, body
    cached = lambda: asyncio.gather(*(ask(pod.address, f"/t/{n}") for n in range(8) for pod in site.proxies))
    answers = await cached()
    assert [a.cache == "hit" for a in answers] == [n != 3 for n in range(8) for _ in site.proxies], answers
    status, body = await site.purge("tag=product-5&tag=product-6", edge=1)
    assert status == 200 and body["objects"] == 4, body
    answers = await cached()
    assert [a.cache == "hit" for a in answers] == [n not in (5, 6) for n in range(8) for _ in site.proxies], answers
    status, body = await site.purge("prefix=/t/")
    assert status == 200, body
    assert {a.cache for a in await cached()} == {"miss"}
    status, body = await site.purge("url=https://site.example/t/1&tag=all-products")
    assert status == 200 and body["objects"] >= 16, body
    await ask(site.proxies[0].address, "/comma?a=1,2&b=%C3%A4")
    status, body = await site.purge("url=%2Fcomma%3Fa%3D1%2C2%26b%3D%25C3%25A4")
    assert body["objects"] == 1, body
    site.web.pages["/soft"] = {"Cache-Control": "public, max-age=600", "xkey": "softly"}
    await ask(site.edges[0].address, "/soft")
    site.web.version = 2
    await site.purge("tag=softly&soft=true")
    assert (await ask(site.edges[0].address, "/soft")).body.endswith("v1")
    await asyncio.sleep(0.3)
    assert (await ask(site.edges[0].address, "/soft")).body.endswith("v2")


@check
async def a_purge_without_the_token_is_refused(site):
    await ask(site.edges[0].address, "/kept")
    for token in (None, "", "wrong", world.TOKEN + "x", world.TOKEN[:-1]):
        status, body = await site.purge("url=/kept", token)
        assert status == 401, (token, status, body)
    for pod in site.proxies:
        for headers in ({}, {"x-purge-token": "wrong"}):
            answer = await ask(pod.address, "/purge", "POST", 8405, {"x-purge-keys": "url:/kept", **headers})
            assert answer.status == 401, answer
        for method in ("PURGE", "POST", "BAN"):
            answer = await ask(pod.address, "/kept", method)
            assert answer.headers.get("x-cache") == "pass" or answer.status >= 400, (method, answer)
    assert (await ask(site.edges[1].address, "/kept")).cache == "hit"
    for query, wanted in (("", 400), ("url=kept", 400), ("colour=red", 400), ("url=/a%20b", 400), ("url=/%0d%0ax", 400), ("tag=url:/kept", 400)):
        status, body = await site.purge(query)
        assert status == wanted, (query, status, body)
    assert (await ask(site.edges[0].address, "/purge", port=8082)).status == 405
    assert (await ask(site.edges[1].address, "/kept")).cache == "hit"


@check
async def a_purge_tells_which_pod_it_missed(site):
    site.proxies[1].kill()
    status, body = await site.purge("url=/anything")
    assert status == 502 and not body["complete"], (status, body)
    assert [pod["state"] for pod in body["pods"]] == ["purged", "unreachable"], body
    await site.back(site.proxies[1])


@check
async def an_answer_that_a_purge_overtakes_is_fetched_again(site):
    site.web.delay = 1.0
    waiting = asyncio.create_task(ask(site.edges[0].address, "/raced"))
    await asyncio.sleep(0.4)
    site.web.version = 2
    await site.purge("url=/raced")
    first = await waiting
    site.web.delay = 0
    second = await ask(site.edges[0].address, "/raced")
    assert second.body.endswith("v2"), (first, second)
    return f"{site.web.asked['/raced']} fetches"


@check
async def all_pods_gone_is_served_by_the_services(site):
    load = Load(site, [f"/l/{n}" for n in range(50)])
    await asyncio.sleep(2)
    for pod in site.proxies:
        pod.kill()
    await asyncio.sleep(4)
    direct = await site.both("/l/1")
    assert [(a.status, a.cache, a.pod) for a in direct] == [(200, "pass", None)] * 2, direct
    count, failed = await load.end()
    outcomes, longest = dict(load.outcomes), load.longest
    load = Load(site, [f"/l/{n}" for n in range(50)])
    await site.back(*site.proxies)
    await asyncio.sleep(1)
    again, failed_again = await load.end()
    assert not failed and not failed_again, (failed, failed_again)
    assert (await ask(site.edges[0].address, "/l/1")).pod, "the proxy is not used again"
    return f"{count} requests while both were killed, none failed, longest {longest:.2f} s, {outcomes}; {again} while they came back, none failed"


@check
async def one_pod_killed_or_stopped_costs_nothing(site):
    load = Load(site, [f"/o/{n}" for n in range(50)])
    await asyncio.sleep(1)
    site.proxies[0].kill()
    await asyncio.sleep(2)
    count, failed = await load.end()
    longest = load.longest
    await site.back(site.proxies[0])
    load = Load(site, [f"/o/{n}" for n in range(50)])
    await asyncio.sleep(1)
    site.web.slow = {"/long": 2.0}
    under_way = asyncio.create_task(ask(site.edges[0].address, "/long"))
    await asyncio.sleep(0.5)
    stopping = site.proxies[0]
    stopping.signal(signal.SIGTERM)
    await asyncio.to_thread(stopping.process.wait, 20)
    stopped, failed_stopped = await load.end()
    assert (await under_way).status == 200
    await site.back(stopping)
    assert not failed and not failed_stopped, (failed, failed_stopped)
    return f"killed: {count} requests, longest {longest:.2f} s; stopped: {stopped} requests, longest {load.longest:.2f} s; none failed"


@check
async def a_frozen_pod_is_left_within_seconds(site):
    load = Load(site, [f"/z/{n}" for n in range(50)])
    await asyncio.sleep(1)
    begun = time.monotonic()
    site.proxies[0].everywhere(signal.SIGSTOP)
    await site.seen("DOWN", site.proxies[0])
    out = time.monotonic() - begun
    await asyncio.sleep(2)
    count, failed = await load.end()
    site.proxies[0].everywhere(signal.SIGCONT)
    await site.seen("UP", site.proxies[0])
    # Each of eight clients goes from one edge to the other, and either may have to cut it off.
    assert out < 8 and sum(failed.values()) <= 16, (out, failed)
    return f"out after {out:.1f} s; of {count} requests failed: {failed or 'none'}, longest {load.longest:.1f} s"


@check
async def a_changed_vcl_is_loaded_and_keeps_the_objects(site):
    held = await ask(site.edges[0].address, "/held")
    pod = next(pod for pod in site.proxies if pod.name == held.pod)
    file = f"/proc/{pod.process.pid}/root/etc/varnish/default.vcl"
    text = open(file).read()
    open(file, "w").write(text.replace('set resp.http.x-proxy = server.identity;', 'set resp.http.x-proxy = server.identity + " changed";'))
    for _ in range(100):
        answer = await ask(site.edges[0].address, "/held")
        assert answer.cache == "hit", answer
        if answer.pod.endswith(" changed"):
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("it was not loaded")
    open(file, "w").write("this is no VCL")
    await asyncio.sleep(4)
    assert (await ask(site.edges[0].address, "/held")).cache == "hit"
    open(file, "w").write(text)
    for _ in range(100):
        answer = await ask(site.edges[0].address, "/held")
        assert answer.cache == "hit", answer
        if answer.pod == pod.name:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("the file as it was is not loaded again")


@check
async def a_new_address_of_the_edge_is_followed(site):
    await ask(site.edges[0].address, "/before")
    site.dns.edge_address = site.edges[1].address
    site.service.server.close()
    for _ in range(150):
        answer = await ask(site.edges[0].address, f"/moved/{time.monotonic()}")
        if answer.status == 200:
            break
        await asyncio.sleep(0.1)
    hit = await ask(site.edges[0].address, "/before")
    site.dns.edge_address = world.EDGE_SERVICE
    await site.service.start()
    assert answer.status == 200 and hit.cache == "hit", (answer, hit)
    await asyncio.sleep(5)


@check
async def a_lost_edge_costs_the_other_one_nothing(site):
    site.edges[1].kill()
    site.service.targets = [edge.address for edge in site.edges]
    answers = [await ask(site.edges[0].address, f"/e/{n}") for n in range(40)]
    site.service.targets = [site.edges[0].address]
    site.edges[1].start()
    await asyncio.sleep(3)
    for pod in site.proxies:
        await site.seen("UP", pod)
    site.service.targets = [edge.address for edge in site.edges]
    statuses = collections.Counter(a.status for a in answers)
    assert statuses[200] >= 38, statuses
    return f"every second connection of the proxy led to a dead edge: {dict(statuses)}"


async def main(haproxy, varnish, files, wanted):
    return await run(await made(haproxy, varnish, files["site"]), CHECKS, wanted)


if __name__ == "__main__":
    begin(main)

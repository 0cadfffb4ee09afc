"""Faults on a cache and on a session store of real processes. Started by redis.sh, which says what it needs."""
import os
import signal
import subprocess
import sys
import threading
import time

import redis_load as load
import redis_world as world
from redis_world import Connection, Pod, RedisError, Router, SERVICE, World, run


class Writer(threading.Thread):
    """Writes one key after the other through the router; acknowledged is what WAIT said a second member has."""

    def __init__(self, cluster, wait):
        super().__init__(daemon=True)
        self.cluster, self.wait, self.running = cluster, wait, True
        self.prefix, self.acknowledged, self.times, self.errors = f"w{id(self)}", [], [], []
        self.start()

    def run(self):
        connection, number = None, 0
        while self.running:
            try:
                connection = connection or self.cluster.client()
                number += 1
                connection.ask("SET", f"{self.prefix}:{number}", number)
                if not self.wait or connection.ask("WAIT", 1, 500) >= 1:
                    self.acknowledged.append(number)
                    self.times.append(time.monotonic())
                time.sleep(0.01)
            except (OSError, RedisError, ValueError) as error:
                self.errors.append((time.monotonic(), str(error)))
                if connection and not isinstance(error, RedisError):
                    connection.close()
                    connection = None
                time.sleep(0.02)
        if connection:
            connection.close()

    def gap(self, since):
        """Longest time without an acknowledged write after a moment."""
        times = [since] + [at for at in self.times if at > since]
        return max(b - a for a, b in zip(times, times[1:])) if len(times) > 1 else float("inf")

    def end(self):
        self.running = False
        self.join()

    def lost(self):
        """Acknowledged writes that the master does not have."""
        connection = self.cluster.client()
        missing = [number for number in self.acknowledged if connection.ask("GET", f"{self.prefix}:{number}") != str(number)]
        connection.close()
        return missing


class Cluster:
    def __init__(self, tier, size=3):
        self.world = World(tier, size)
        self.pods = {}
        for ordinal in range(1 if size == 1 else 3):
            self.create(ordinal)
        self.router = Router(self.world)
        self.settle()

    def create(self, ordinal):
        self.pods[ordinal] = Pod(self.world, ordinal)

    def delete(self, ordinal, graceful=True):
        self.pods.pop(ordinal).delete(graceful)

    def client(self, timeout=1.0):
        return Connection(world.ROUTER, 6379, "app", self.world.password("app"), timeout)

    def admin(self, ordinal, port=6379):
        return Connection(world.POD.format(ordinal), port, "admin", self.world.password("admin"))

    def ask(self, ordinal, *words, port=6379):
        try:
            connection = self.admin(ordinal, port)
        except (OSError, RedisError):
            return None
        try:
            return connection.ask(*words)
        except (OSError, RedisError):
            return None
        finally:
            connection.close()

    def role(self, ordinal):
        role = self.ask(ordinal, "ROLE")
        return role[0] if role else None

    def named(self, ordinal):
        """Whom the Sentinel of a member names."""
        answer = self.ask(ordinal, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "master", port=26379)
        return int(answer[1]) - 16379 if answer else None

    def master(self):
        masters = [ordinal for ordinal in self.pods if self.role(ordinal) == "master"]
        return masters[0] if len(masters) == 1 else None

    def settled(self):
        """One master, whom all Sentinels name, followed by all others, and every pod ready."""
        master = self.master()
        if master is None or not all(pod.probe("ready") and pod.probe("alive") for pod in self.pods.values()):
            return False
        if "sentinel" not in self.world.containers:
            return True
        sentinels = [self.ask(o, "SENTINEL", "MASTER", "master", port=26379) for o in self.pods]
        if not all(sentinels):
            return False
        facts = [dict(zip(s[::2], s[1::2])) for s in sentinels]
        replicas = self.ask(master, "ROLE")[2]
        return (all(self.named(o) == master for o in self.pods) and len(replicas) == len(self.pods) - 1
                and all(fact["flags"] == "master" and fact["num-other-sentinels"] == str(len(self.pods) - 1)
                        and fact["num-slaves"] == str(len(self.pods) - 1) for fact in facts))

    def settle(self, patience=60):
        end = time.monotonic() + patience
        tended, failures = time.monotonic(), {}
        while not self.settled():
            if time.monotonic() > end:
                raise AssertionError(f"not settled: roles {[self.role(o) for o in self.pods]}, named {[self.named(o) for o in self.pods]}")
            if time.monotonic() > tended + 5:
                tended = time.monotonic()
                self.tend(failures)
            time.sleep(0.3)
        self.await_router()

    def tend(self, failures):
        """As the kubelet, which asks every 30 s: a member whose liveness probe fails three times is started again."""
        for ordinal, pod in self.pods.items():
            failures[ordinal] = 0 if pod.probe("alive") else failures.get(ordinal, 0) + 1
            if failures[ordinal] == 3:
                print(f"member {ordinal} is not alive: started again", flush=True)
                pod.containers["redis"].process.terminate()

    def await_ready(self, ordinal, patience=60):
        end = time.monotonic() + patience
        while not self.pods[ordinal].probe("ready"):
            assert time.monotonic() < end, "not ready"
            time.sleep(0.5)

    def killed(self):
        """Redis processes of the present pods that the kernel ended for want of memory."""
        return sum(pod.containers["redis"].memory.killed() for pod in self.pods.values())

    def await_router(self, patience=20):
        end = time.monotonic() + patience
        while True:
            try:
                client = self.client(12)
                client.ask("SET", "probe", "1")
                client.close()
                return
            except (OSError, RedisError):
                if time.monotonic() > end:
                    raise AssertionError("the router leads nowhere") from None
                time.sleep(0.1)

    def await_new_master(self, old, patience=30):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for ordinal in self.pods:
                if ordinal != old and self.role(ordinal) == "master":
                    return ordinal
            time.sleep(0.1)
        raise AssertionError("nobody was promoted")

    def stop(self):
        for ordinal in list(self.pods):
            self.delete(ordinal, graceful=False)
        self.router.stop()


def report(name, writer, fault, extra=""):
    writer.end()
    lost, gap = writer.lost(), writer.gap(fault)
    errors = [text for at, text in writer.errors if at > fault]
    print(f"{name:46} gap {gap:5.2f} s, {len(writer.acknowledged)} acknowledged, {len(lost)} lost, {len(errors)} errors {extra}", flush=True)
    assert not lost, f"{name}: lost {lost[:5]}; errors {errors[:3]}"
    return gap


def fault(cluster, name, act, heal=None, most=8.0):
    """One fault under a writer: `act` on the master, then `heal`, then everything must be as before."""
    writer = Writer(cluster, wait=True)
    time.sleep(2)
    assert writer.acknowledged, writer.errors[-3:]
    master = cluster.master()
    at = time.monotonic()
    act(master)
    promoted = cluster.await_new_master(master) if heal is not None else None
    time.sleep(4)
    if heal:
        heal(master)
    cluster.settle()
    time.sleep(1)
    gap = report(name, writer, at, f"(master {master} -> {cluster.master()})")
    assert gap < most, f"{name}: gap {gap}"
    return promoted


# --- cases; each gets a settled cluster of three members ---


def killed(cluster):
    """The master's container dies and starts again within a second: sessions go on with their log, a cache fails over first."""
    fault(cluster, f"{cluster.world.tier}: master killed, restarted in place", lambda m: cluster.pods[m].kill("redis"))


def pod_killed(cluster):
    def act(master):
        cluster.delete(master, graceful=False)

    fault(cluster, f"{cluster.world.tier}: master's pod gone, back after 4 s", act, cluster.create)


def deleted(cluster):
    def act(master):
        cluster.delete(master)
        cluster.create(master)

    fault(cluster, f"{cluster.world.tier}: master's pod deleted (hand-over)", act, most=4.0)


def frozen(cluster):
    """All processes of the pod stop and go on: the old master believes in itself for some seconds."""
    fault(cluster, f"{cluster.world.tier}: master's pod frozen, continued", lambda m: cluster.pods[m].signal(signal.SIGSTOP),
          lambda m: cluster.pods[m].signal(signal.SIGCONT))


def frozen_redis(cluster):
    fault(cluster, f"{cluster.world.tier}: master's Redis frozen, continued", lambda m: cluster.pods[m].signal(signal.SIGSTOP, "redis"),
          lambda m: cluster.pods[m].signal(signal.SIGCONT, "redis"))


def thawed(cluster):
    """A freeze as short as a failover: the old master goes on while, or before, another one is promoted."""
    for seconds in (1.6, 2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.3):
        def act(master):
            cluster.pods[master].signal(signal.SIGSTOP, "redis")
            time.sleep(seconds)
            cluster.pods[master].signal(signal.SIGCONT, "redis")

        fault(cluster, f"{cluster.world.tier}: master's Redis frozen for {seconds} s", act, most=15)
        time.sleep(8)  # what a failed attempt left must not keep the next from its time


def cut(cluster):
    """Nothing comes to the pod or from it, as when its node is gone; clients on its side go on writing to it."""
    believers = []

    def act(master):
        # A client at the old master's side of the partition: what it writes there must not count as acknowledged.
        connection = cluster.admin(master)
        connection.ask("SET", "before", "1")
        cluster.pods[master].cut("down")
        believers.append(connection)

    fault(cluster, f"{cluster.world.tier}: master's network cut, healed", act, lambda m: cluster.pods[m].cut("up"))


def replicas_first(cluster):
    """The replica that has less is never promoted: one is frozen while writes go on, then the master dies."""
    master = cluster.master()
    lagging = next(o for o in cluster.pods if o != master)
    writer = Writer(cluster, wait=True)
    time.sleep(1)
    cluster.pods[lagging].signal(signal.SIGSTOP, "redis")
    time.sleep(1.0)
    at = time.monotonic()
    cluster.delete(master, graceful=False)
    cluster.pods[lagging].signal(signal.SIGCONT, "redis")
    cluster.await_new_master(master)
    cluster.create(master)
    cluster.settle()
    time.sleep(1)
    report(f"{cluster.world.tier}: master gone, one replica lags", writer, at, f"(lagging {lagging}, promoted {cluster.master()})")


def rolled(cluster):
    """All pods are replaced one after the other, as a roll-out does, each when the last is ready."""
    writer = Writer(cluster, wait=True)
    time.sleep(1)
    at = time.monotonic()
    for ordinal in (2, 1, 0):
        cluster.delete(ordinal)
        cluster.create(ordinal)
        cluster.await_ready(ordinal)
        time.sleep(1)
    cluster.settle()
    report(f"{cluster.world.tier}: all pods rolled", writer, at)


def emptied(cluster):
    """The master comes back at once and empty: its replicas keep their data, one of them leads."""
    master = cluster.master()
    client = cluster.client()
    for number in range(200):
        client.ask("SET", f"kept:{number}", number)
    assert client.ask("WAIT", 2, 1000) == 2
    client.close()
    at = time.monotonic()
    if cluster.world.tier == "sessions":
        pod = cluster.pods[master]
        for container in pod.containers.values():
            container.stop(0)
        run("umount", "-R", pod.root)
        pod.lose_volume()
        cluster.create(master)
    else:
        cluster.pods[master].kill("redis")
    cluster.settle()
    took = time.monotonic() - at
    client = cluster.client()
    kept = sum(client.ask("GET", f"kept:{number}") == str(number) for number in range(200))
    client.close()
    print(f"{cluster.world.tier + ': master back with an empty volume':46} {kept} of 200 kept, all settled after {took:.1f} s, master {master} -> {cluster.master()}", flush=True)
    assert kept == 200


def all_restarted(cluster):
    """Every pod goes at once. Sessions are on the volumes; a cache begins anew by itself."""
    client = cluster.client()
    client.ask("SET", "kept", "1")
    assert client.ask("WAIT", 2, 1000) == 2
    client.close()
    time.sleep(1.5)
    at = time.monotonic()
    for ordinal in list(cluster.pods):
        cluster.delete(ordinal, graceful=False)
    for ordinal in range(3):
        cluster.create(ordinal)
    cluster.settle()
    client = cluster.client()
    kept = client.ask("GET", "kept")
    client.close()
    print(f"{cluster.world.tier + ': all pods gone at once':46} settled after {time.monotonic() - at:.1f} s, data {'kept' if kept else 'gone'}", flush=True)
    assert (kept == "1") == (cluster.world.tier == "sessions")


def silent(cluster):
    """Two members come back with nothing while the master is silent, shortly or for long: two masters never stay."""
    for seconds in (9, 20):
        if cluster.master() == 0:
            cluster.delete(0)
            cluster.create(0)
            cluster.settle()
        master = cluster.master()
        others = [o for o in cluster.pods if o != master]
        client = cluster.client()
        client.ask("SET", "kept", "1")
        assert client.ask("WAIT", 2, 1000) == 2
        client.close()
        time.sleep(1.5)
        cluster.pods[master].signal(signal.SIGSTOP)
        for ordinal in others:
            cluster.delete(ordinal, graceful=False)
        for ordinal in others:
            cluster.create(ordinal)
        time.sleep(seconds)
        led = [o for o in others if cluster.role(o) == "master"]
        cluster.pods[master].signal(signal.SIGCONT)
        at = time.monotonic()
        cluster.settle()
        client = cluster.client()
        kept = client.ask("GET", "kept") == "1"
        client.close()
        print(f"{cluster.world.tier + f': master silent for {seconds} s, others anew':46} led meanwhile {led}, settled after {time.monotonic() - at:.1f} s, "
              f"master {master} -> {cluster.master()}, data {'kept' if kept else 'gone'}", flush=True)
        assert cluster.world.tier == "cache" or kept
        assert seconds > 9 or cluster.world.tier == "sessions" or (kept and not led), "a second master"


def stray(cluster):
    """A master that no Sentinel knows, beside the one that all name: its liveness probe has it start again, and it follows."""
    master = cluster.master()
    alone = next(o for o in cluster.pods if o != master)
    cluster.ask(alone, "REPLICAOF", "NO", "ONE")
    for ordinal in cluster.pods:
        cluster.ask(ordinal, "SENTINEL", "RESET", "master", port=26379)
    time.sleep(12)
    assert cluster.role(alone) == "master", "the Sentinels knew it"
    cluster.settle()
    print(f"{cluster.world.tier + ': a master that no Sentinel knows':46} started again and follows, master {master} -> {cluster.master()}", flush=True)
    assert cluster.master() == master


def readdressed(cluster):
    """The master's Service is made anew, with another address."""
    master = cluster.master()
    world.serve(master, SERVICE.format(master), "-D")
    world.serve(master, "10.96.0.9%d" % master)
    for pod in cluster.pods.values():
        world.hosts(pod.root, {master: "10.96.0.9%d" % master})
    assert not cluster.pods[master].probe("alive"), "the probe must notice"
    assert not any(pod.probe("sentinel") for pod in cluster.pods.values())
    # What the kubelet does after three such answers.
    pod = cluster.pods[master]
    subprocess.run(pod.inside("member-leave"), stderr=subprocess.DEVNULL)
    pod.containers["redis"].process.terminate()
    for pod in cluster.pods.values():
        time.sleep(3)
        pod.containers["sentinel"].process.terminate()
    time.sleep(3)
    cluster.settle()
    print(f"{cluster.world.tier + ': Service made anew':46} noticed, settled with the new address", flush=True)
    world.serve(master, "10.96.0.9%d" % master, "-D")
    world.serve(master, SERVICE.format(master))


def users(cluster):
    """What the application may do and what not."""
    client = cluster.client()
    for words in (["SET", "a", "1"], ["INFO"], ["EXPIRE", "a", "10"], ["SUBSCRIBE", "x"]):
        client.ask(*words)
    client.close()
    refused = []
    for words in (["CONFIG", "GET", "*"], ["SHUTDOWN", "NOSAVE"], ["REPLICAOF", "NO", "ONE"], ["DEBUG", "SLEEP", "0"], ["ACL", "LIST"]):
        client = cluster.client()
        try:
            client.ask(*words)
        except RedisError as error:
            refused.append("NOPERM" in str(error) or "not allowed" in str(error))
        client.close()
    client = cluster.client()
    try:
        client.ask("FLUSHALL")
        flushes = True
    except RedisError:
        flushes = False
    print(f"{cluster.world.tier + ': rights of the application':46} {sum(refused)} of 5 refused, FLUSHALL {'allowed' if flushes else 'refused'}", flush=True)
    assert refused == [True] * 5 and flushes == (cluster.world.tier == "cache")


def grow(cluster, name):
    """One member becomes three as the operator does it: new members, new routers, then the first member's new template."""
    writer = Writer(cluster, wait=False)
    time.sleep(2)
    at = time.monotonic()
    three = World(cluster.world.tier, 3)
    three.secret = cluster.world.secret
    cluster.world = three
    cluster.create(1)
    cluster.create(2)
    while not all(cluster.pods[o].probe("ready") for o in (1, 2)):
        assert time.monotonic() < at + 60, "the new members do not follow"
        time.sleep(0.3)
    cluster.router.stop()
    cluster.router = Router(three)
    time.sleep(3)
    cluster.delete(0)
    cluster.create(0)
    cluster.settle()
    time.sleep(1)
    report(f"{cluster.world.tier}: {name}", writer, at)


def growth(tier):
    """Sessions stay when one member becomes three; also a second time, with volumes that remember the first."""
    cluster = Cluster(tier, 1)
    grow(cluster, "one member becomes three")
    if tier == "sessions":
        secret = cluster.world.secret
        for ordinal in list(cluster.pods):
            cluster.delete(ordinal, graceful=False)
        cluster.router.stop()
        cluster.world = World(tier, 1)
        cluster.world.secret = secret
        cluster.create(0)
        cluster.router = Router(cluster.world)
        cluster.settle()
        grow(cluster, "grown again, with old volumes")
    cluster.stop()


def sole(tier):
    """One member: killed and deleted; sessions stay."""
    cluster = Cluster(tier, 1)
    for name, act in (("killed", lambda: cluster.pods[0].kill()), ("deleted", lambda: (cluster.delete(0), cluster.create(0)))):
        writer = Writer(cluster, wait=False)
        time.sleep(1)
        at = time.monotonic()
        act()
        cluster.settle()
        time.sleep(0.5)
        if tier == "sessions":
            report(f"{tier}: the only member {name}", writer, at)
        else:
            writer.end()
            print(f"{tier + ': the only member ' + name:46} gap {writer.gap(at):5.2f} s", flush=True)
    cluster.stop()


def overwritten(cluster):
    """Items are written anew as fast as the plan allows for while both replicas copy them, three times: nobody is ended for want of memory."""
    master = cluster.master()
    address, password = world.POD.format(master), cluster.world.password("app")
    most = int(cluster.ask(master, "CONFIG", "GET", "maxmemory")[1])
    # Sessions refuse what does not fit, a cache drops something else.
    items = load.fill(address, password, most / 2**20 * (1.2 if cluster.world.tier == "cache" else 0.8))
    # Sessions take no writes while nobody follows: one replica at a time.
    replicas = [o for o in cluster.pods if o != master]
    rounds = [replicas] * 3 if cluster.world.tier == "cache" else [[o] for o in replicas * 2]
    writer, peak, ended, took = load.Overwriter(address, password, items), load.Peak(cluster.pods[master].containers["redis"].memory), 0, []
    for gone in rounds:
        begun = time.monotonic()
        for ordinal in gone:
            ended += cluster.pods[ordinal].containers["redis"].memory.killed()
            cluster.delete(ordinal, graceful=False)
        for ordinal in gone:
            cluster.create(ordinal)
        cluster.settle()
        took.append(time.monotonic() - begun)
    rate = writer.end()
    limit = cluster.world.containers["redis"]
    print(f"{cluster.world.tier + ': overwritten while copied':46} {rate:.0f} MB/s over {most >> 20} MiB of items, {peak.end()} of {limit} MiB taken, "
          f"{ended + cluster.killed()} killed, copied after {max(took):.1f} s", flush=True)
    assert not writer.error and ended + cluster.killed() == 0 and cluster.master() == master, writer.error
    assert cluster.world.tier == "sessions" or int(cluster.ask(master, "INFO", "stats").split("evicted_keys:")[1].split()[0]) > 0, "not full"
    client = cluster.admin(master)
    client.ask("FLUSHALL")
    client.close()


def shrunk(tier):
    """Members get less memory than there are data. A cache drops what is too much before it is copied; sessions wait until they fit."""
    cluster = Cluster(tier, "large")
    master = cluster.master()
    small = World(tier, 3)
    small.secret = cluster.world.secret
    load.fill(world.POD.format(master), cluster.world.password("app"), 420)
    items = cluster.ask(master, "DBSIZE")
    cluster.world = small
    for ordinal in [o for o in (2, 1, 0) if o != master] + [master]:
        cluster.delete(ordinal)
        cluster.create(ordinal)
        if tier == "sessions" and ordinal != master and cluster.ask(master, "DBSIZE") == items:
            time.sleep(8)
            assert not cluster.pods[ordinal].probe("ready"), "it copies more than it may hold"
            assert cluster.ask(master, "DBSIZE") == items, "sessions were dropped"
            client = cluster.admin(master)
            for key in range(items * 29 // 30):  # as if they had expired
                client.ask("DEL", f"key:{key:06}")
            client.close()
        cluster.await_ready(ordinal)
        time.sleep(1)
    cluster.settle()
    most = {int(cluster.ask(o, "CONFIG", "GET", "maxmemory")[1]) >> 20 for o in cluster.pods}
    killed = cluster.killed()
    kept = cluster.ask(cluster.master(), "DBSIZE")
    print(f"{tier + ': less memory than there are data':46} {items} items of 2 KiB became {kept}, maxmemory {most} MiB, {killed} killed", flush=True)
    assert len(most) == 1 and killed == 0 and kept > 1000
    if tier == "sessions":
        assert kept >= items - items * 29 // 30, "sessions were dropped"
    cluster.stop()


CASES = [users, killed, pod_killed, deleted, frozen, frozen_redis, thawed, cut, replicas_first, rolled, emptied, overwritten, all_restarted, silent, stray, readdressed]
WHOLE = [sole, growth, shrunk]


def attempt(name, act, *arguments):
    try:
        act(*arguments)
        return True
    except (AssertionError, OSError, RedisError, subprocess.TimeoutExpired) as error:
        print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)
        return False


def main():
    chosen = [word for word in sys.argv[4:] if word not in ("cache", "sessions")]
    tiers = [word for word in sys.argv[4:] if word in ("cache", "sessions")] or ["sessions", "cache"]
    world.network()
    passed = True
    for tier in tiers:
        cases = [case for case in CASES if not chosen or case.__name__ in chosen]
        if cases:
            try:
                cluster = Cluster(tier)
            except AssertionError:
                show_logs()
                raise
            for case in cases:
                good = attempt(case.__name__, case, cluster)
                passed &= good
                if not good:
                    show_logs()
                    if not attempt("settle", cluster.settle):
                        break
            cluster.stop()
        for case in WHOLE:
            if not chosen or case.__name__ in chosen:
                passed &= attempt(case.__name__, case, tier)
                if not passed:
                    show_logs()
    if os.environ.get("LOGS"):
        show_logs()
    sys.exit(not passed)


def show_logs():
    subprocess.run(f"tail -n {os.environ.get('LOGS', 25)} {world.WORK}/log-*", shell=True, check=False)


main()

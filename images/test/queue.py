"""Nodes of the queue and its router under faults. Started by queue.sh inside namespaces of their own."""
import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pika

WORK, RABBITMQ, HAPROXY = (pathlib.Path(path) for path in sys.argv[1:4])
DATA = pathlib.Path(__file__).resolve().parent.parent / "testdata"
DOMAIN = "shop-queue-members.default.svc.cluster.local"
ROUTER = "10.99.0.20"
CASES = sys.argv[4:]
# What the operator's builders make of an application with a queue, with one member and with three.
FILES = json.loads((DATA / "queue.json").read_text())
SECRETS = FILES["three"]["credentials"]
ENGINE = os.environ.get("ENGINE")  # the test `queue_engine`
LENGTH, LIMIT = 1000, 3  # of the queue `video` there


def children(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in path.read_text().split()] if path.exists() else []
    return found + [grandchild for child in found for grandchild in children(child)]


class Pod:
    """A process tree out of an image, with a read-only root, in a network namespace."""

    def __init__(self, image, address, mounts, command, environment, name="router"):
        self.name, self.image, self.address, self.mounts, self.command = name, image, address, mounts, command
        self.environment, self.process, self.log = environment, None, WORK / f"{address}.log"
        self.wanted, self.watched, self.restarts = False, False, 0

    def start(self):
        lines = ["set -e", f"hostname {self.name}", f"mount --bind {self.image} {self.image}", "mount --make-rprivate /"]
        lines += [f"mount -o remount,bind,ro {self.image}", f"mount -t proc proc {self.image}/proc", f"mount --rbind /dev {self.image}/dev",
                  f"mount -t tmpfs -o mode=1777 tmpfs {self.image}/tmp"]
        for source, target in self.mounts:
            if source is None:
                lines.append(f"mount -t tmpfs -o mode=0777 tmpfs {self.image}{target}")
            else:
                lines.append(f"mount --bind {source} {self.image}{target}")
        words = " ".join(f"'{word}'" for word in self.command)
        settings = " ".join(f"{key}='{value}'" for key, value in self.environment.items())
        lines.append(f"exec chroot --userspec=10001:10001 --groups=10001 {self.image} /usr/bin/env {settings} {words}")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", f"n{self.address}", "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "bash", "-c", "\n".join(lines)],
            stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)

        self.wanted = True
        if not self.watched:
            self.watched = True
            threading.Thread(target=self.keep, daemon=True).start()

    def keep(self):
        """As the kubelet does: what ends by itself is started anew."""
        while True:
            time.sleep(1)
            if self.wanted and self.process.poll() is not None:
                self.restarts += 1
                self.start()

    def pids(self):
        return children(self.process.pid)

    def first(self):
        found = self.pids()
        return found[0] if found else None

    def kill(self):
        self.wanted = False
        os.kill(self.first(), signal.SIGKILL)
        self.process.wait()

    def stop(self, limit=60):
        self.wanted = False
        os.kill(self.first(), signal.SIGTERM)
        self.process.wait(limit)

    def freeze(self, on=True):
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)

    def cut(self, on=True):
        subprocess.run(["ip", "link", "set", f"c{self.address}", "down" if on else "up"], check=True)


class Node(Pod):
    def __init__(self, ordinal):
        self.ordinal, self.host = ordinal, f"shop-queue-{ordinal}.{DOMAIN}"
        # A container that starts again in its pod finds what it wrote to /run/rabbitmq.
        self.data, self.etc, self.run = WORK / f"data{ordinal}", WORK / f"etc{ordinal}", WORK / f"run{ordinal}"
        super().__init__(RABBITMQ, 10 + ordinal, [
            (self.run, "/run/rabbitmq"), (self.data, "/var/lib/rabbitmq/data"), (self.etc / "rabbitmq", "/etc/rabbitmq"),
            (self.etc / "secret", "/etc/rabbitmq-secret"), (self.etc / "definitions", "/etc/rabbitmq-definitions"), (self.etc / "hosts", "/etc/hosts"),
        ], ["/usr/local/share/rabbitmq/entrypoint"], {"RABBITMQ_NODENAME": f"rabbit@{self.host}", **variables()}, f"shop-queue-{ordinal}")

    def prepare(self, files):
        for folder in (self.data, self.run, self.etc / "rabbitmq", self.etc / "secret", self.etc / "definitions"):
            folder.mkdir(parents=True, exist_ok=True)
        os.chown(self.data, 10001, 10001)
        os.chown(self.run, 10001, 10001)
        (self.etc / "rabbitmq/rabbitmq.conf").write_text(files["rabbitmq.conf"])
        (self.etc / "rabbitmq/members").write_text(files["members"])
        (self.etc / "secret/erlang-cookie").write_text(SECRETS["erlang-cookie"])
        (self.etc / "definitions/definitions.json").write_text(files["definitions.json"])
        # The kubelet writes a pod's own name with its short form.
        hosts = "".join(f"10.99.0.{10 + i} shop-queue-{i}.{DOMAIN}{f' shop-queue-{i}' * (i == self.ordinal)}\n" for i in range(3))
        (self.etc / "hosts").write_text("127.0.0.1 localhost\n" + hosts)

    def tool(self, *words, limit=60):
        command = ["nsenter", "-t", str(self.first()), "-m", "-n", "-p", "chroot", "--userspec=10001:10001", str(RABBITMQ), "/usr/bin/env",
                   *(f"{k}={v}" for k, v in self.environment.items()), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=limit)

    def lose_data(self):
        shutil.rmtree(self.data)
        self.data.mkdir()
        os.chown(self.data, 10001, 10001)


def variables():
    """The image's own, which a chroot does not know, and what the builder adds."""
    lines = (DATA.parent / "rabbitmq/Dockerfile").read_text().replace("\\\n", " ").splitlines()
    words = " ".join(line.removeprefix("ENV ") for line in lines if line.startswith("ENV ")).split()
    return {**dict(word.split("=", 1) for word in words), "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": FILES["three"]["arguments"]}


def api(ordinal, path, method="GET", body=None, user="admin"):
    connection = http.client.HTTPConnection(f"10.99.0.{10 + ordinal}", 15672, timeout=5)
    token = base64.b64encode(f"{user}:{SECRETS[f'{user}-password']}".encode()).decode()
    connection.request(method, f"/api{path}", json.dumps(body) if body is not None else None,
                       {"authorization": f"Basic {token}", "content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    return answer.status, json.loads(text) if text.startswith(("{", "[")) else text


def connect(host=ROUTER, limit=60, patience=2):
    end = time.monotonic() + limit
    while True:
        try:
            return pika.BlockingConnection(pika.ConnectionParameters(
                host, 5672, "app", pika.PlainCredentials("app", SECRETS["app-password"]), heartbeat=10, socket_timeout=patience, stack_timeout=patience,
                blocked_connection_timeout=patience))
        except Exception as error:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def wait(what, condition, limit=90):
    begin = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - begin
        except Exception:
            pass
        if time.monotonic() - begin > limit:
            raise SystemExit(f"FAILED: {what} did not come about within {limit} s")
        time.sleep(0.25)


def members_of(name, ordinal=0):
    status, found = api(ordinal, f"/queues/app/{name}")
    return sorted(found["members"]), sorted(found["online"]), found["leader"]


class Publisher(threading.Thread):
    """Publishes numbers with confirms, by the router. What is not confirmed within two seconds is sent again over a new connection."""

    def __init__(self, queue="video", pause=0.02):
        super().__init__(daemon=True)
        self.queue, self.pause, self.confirmed, self.errors, self.gap, self.running = queue, pause, [], 0, 0.0, True
        self.begun, self.connection, self.last_error = None, None, None
        threading.Thread(target=self.watch, daemon=True).start()
        self.start()

    def watch(self):
        while self.running:
            begun, connection = self.begun, self.connection
            if begun is not None and connection is not None and time.monotonic() - begun > 2:
                self.begun = None
                try:
                    connection._impl._transport._sock.shutdown(2)  # pika waits for a confirm without a limit
                except Exception:
                    pass
            time.sleep(0.1)

    def run(self):
        number, last = 0, time.monotonic()
        while self.running:
            try:
                if self.connection is None:
                    self.connection = connect(limit=300)
                    channel = self.connection.channel()
                    channel.confirm_delivery()
                self.begun = time.monotonic()
                channel.basic_publish("", self.queue, str(number).encode(), pika.BasicProperties(delivery_mode=2), mandatory=True)
                self.begun = None
                now = time.monotonic()
                self.gap, last = max(self.gap, now - last), now
                self.confirmed.append(number)
                number += 1
                time.sleep(self.pause)
            except Exception as error:
                self.errors += 1
                self.last_error = repr(error)
                self.begun = self.connection = None
                time.sleep(0.1)

    def end(self):
        wait("a confirm at the end", lambda: self.begun is None and self.connection is not None)
        self.running = False
        self.join(30)
        return self


def drain_queue(name, host=ROUTER):
    """Takes all messages; as every client, anew when the connection is closed meanwhile."""
    found, end = set(), time.monotonic() + 60
    while True:
        try:
            connection = connect(host)
            channel = connection.channel()
            while True:
                method, _, body = channel.basic_get(name)
                if method is None:
                    connection.close()
                    return found
                found.add(int(body))
                channel.basic_ack(method.delivery_tag)
        except pika.exceptions.AMQPError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def show(case, **figures):
    print(f"{case}: " + ", ".join(f"{key.replace('_', ' ')} {value:.1f} s" if isinstance(value, float) else f"{key.replace('_', ' ')} {value}"
                                  for key, value in figures.items()), flush=True)


def start(nodes, files):
    for node in nodes:
        node.prepare(files)
    for node in nodes:
        node.start()


def router():
    etc = WORK / "router"
    etc.mkdir(exist_ok=True)
    # Addresses for names: nobody answers DNS here.
    config = re.sub(r" resolvers cluster init-addr \S+ resolve-prefer ipv4", "", FILES["three"]["haproxy.cfg"])
    config = re.sub(r"shop-queue-(\d)\.default\.svc\.cluster\.local", lambda found: f"10.99.0.1{found[1]}", config)
    (etc / "haproxy.cfg").write_text(config)
    pod = Pod(HAPROXY, 20, [(None, "/run/haproxy"), (etc, "/etc/haproxy")], ["/usr/sbin/haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"], {})
    pod.start()
    return pod


def whole(nodes):
    """Every queue has three members, all of them online."""
    return all(len(found) == 3 for name in ("video", "video.dead") for found in members_of(name, nodes[0].ordinal)[:2])


def leader(nodes, queue="video"):
    name = members_of(queue, nodes[0].ordinal)[2]
    return next(node for node in nodes if node.host in name)


def refused(action):
    try:
        action()
        return False
    except (pika.exceptions.AMQPError, ValueError):
        return True


def single():
    """One node: definitions, rights, types, limits, dead letters, a restart."""
    node = Node(0)
    host = "10.99.0.10"
    begin = time.monotonic()
    start([node], FILES["one"])
    connect(host).close()
    show("single: starts", until_it_serves=time.monotonic() - begin)
    status, queues = api(0, "/queues/app")
    assert status == 200 and {q["name"]: q["type"] for q in queues} == {"video": "quorum", "video.dead": "quorum"}, queues
    connection = connect(host)
    channel = connection.channel()
    channel.queue_declare("video", durable=True)  # as a stock client does, which knows no types
    assert channel.queue_declare("", exclusive=True).method.queue
    channel.queue_declare("own", durable=True)
    assert api(0, "/queues/app/own")[1]["type"] == "quorum"
    channel.confirm_delivery()
    channel.basic_publish("", "video", b"poison", mandatory=True)
    deliveries, end = 0, time.monotonic() + 20
    while time.monotonic() < end:
        method, _, _ = channel.basic_get("video")
        if method is None:
            if deliveries:
                break
            time.sleep(0.1)
            continue
        deliveries += 1
        channel.basic_nack(method.delivery_tag, requeue=True)
        time.sleep(0.1)
    wait("the dead letter", lambda: channel.basic_get("video.dead", auto_ack=True)[0] is not None)
    show("single: poison", deliveries=deliveries)
    assert deliveries == LIMIT + 1
    assert refused(lambda: connection.channel().basic_publish("", "nowhere", b"x", mandatory=True)) is False
    lost = connection.channel()
    lost.confirm_delivery()
    assert refused(lambda: lost.basic_publish("", "nowhere", b"x", mandatory=True)), "unroutable was confirmed"
    taken = 0
    try:
        for _ in range(LENGTH + 500):
            channel.basic_publish("", "video", b"0", mandatory=True)
            taken += 1
    except pika.exceptions.NackError:
        pass
    show("single: full", taken=taken, of=LENGTH)
    assert LENGTH <= taken < LENGTH + 500
    connection.close()
    connection = connect(host)
    connection.channel().queue_purge("video")
    for user, path, expected in [("app", "/overview", 401), ("monitor", "/overview", 200), ("admin", "/overview", 200)]:
        assert api(0, path, user=user)[0] == expected, (user, api(0, path, user=user))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("", "video", b"1", pika.BasicProperties(delivery_mode=2), mandatory=True)
    begin = time.monotonic()
    node.tool("/usr/local/share/rabbitmq/drain", "60")
    node.stop()
    stopped = time.monotonic() - begin
    begin = time.monotonic()
    node.start()
    assert drain_queue("video", host) == {1}
    show("single: restarts", stops_within=stopped, serves_again_after=time.monotonic() - begin)
    memory = sum(int(line.split()[1]) for pid in node.pids() for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")) >> 10
    show("single: at rest", resident_memory=f"{memory} MiB")
    alive = lambda: node.tool("bash", "-c", FILES["one"]["alive"]).returncode == 0
    assert alive()
    node.tool("rabbitmqctl", "set_vm_memory_high_watermark", "absolute", "20MB")
    wait("the alarm", lambda: api(0, "/health/checks/alarms")[0] == 503)
    assert api(0, "/health/checks/alarms")[1]["alarms"][0]["resource"] == "memory" and alive(), "an alarm is no reason to restart"
    beam = next(pid for pid in node.pids() if "beam" in pathlib.Path(f"/proc/{pid}/comm").read_text())
    os.kill(beam, signal.SIGSTOP)
    frozen = not alive()
    os.kill(beam, signal.SIGCONT)
    assert frozen
    node.tool("rabbitmqctl", "stop_app")
    assert alive(), "a node that pauses is alive"
    show("single: the liveness probe", sees_only="a frozen machine")
    node.kill()


def growth():
    """One node with messages becomes three, and does not restart for it."""
    nodes = [Node(i) for i in range(3)]
    start(nodes[:1], FILES["one"])
    connection = connect("10.99.0.10")
    channel = connection.channel()
    channel.confirm_delivery()
    for number in range(200):
        channel.basic_publish("", "video", str(number).encode(), pika.BasicProperties(delivery_mode=2), mandatory=True)
    connection.close()
    before, begin = nodes[0].first(), time.monotonic()
    nodes[0].prepare(FILES["three"])
    start(nodes[1:], FILES["three"])
    wait("three members of every queue", lambda: whole(nodes))
    show("growth: one to three", whole_after=time.monotonic() - begin, restarted=nodes[0].first() != before)
    nodes[0].kill()
    found = drain_queue("video", "10.99.0.11")
    show("growth: the first member is killed", found=len(found), of=200)
    assert len(found) == 200
    for node in nodes[1:]:
        node.kill()


def formation():
    """The third node comes while the second is down: it joins the first, or waits, and begins nothing of its own."""
    nodes = [Node(i) for i in range(3)]
    start(nodes[:2], FILES["three"])
    for host in ("10.99.0.10", "10.99.0.11"):
        connect(host, limit=120).close()
    time.sleep(2)
    nodes[1].kill()
    start(nodes[2:], FILES["three"])
    served, end = False, time.monotonic() + 40
    while time.monotonic() < end:
        if not refused(lambda: connect("10.99.0.12", limit=0).close()):
            served = True
            running = [node["name"] for node in api(2, "/nodes")[1] if node["running"]]
            assert any(nodes[0].host in name for name in running), running
        time.sleep(0.5)
    begin = time.monotonic()
    nodes[1].start()
    wait("three members of every queue", lambda: whole(nodes), 180)
    show("formation: the second node is back", third_joined_before=served, whole_after=time.monotonic() - begin)
    for node in nodes:
        node.kill()


def mapped(node):
    """Whether the port mapper of a node answers; it keeps no client."""
    with socket.socket() as mapper:
        mapper.settimeout(1)
        return mapper.connect_ex((f"10.99.0.{node.address}", 4369)) == 0


def robbed():
    """All were stopped, the first lost its data, and the others start so slowly that only their port mappers answer for 20 s."""
    nodes = [Node(i) for i in range(3)]
    start(nodes, FILES["three"])
    wait("three members of every queue", lambda: whole(nodes), 180)
    with connect("10.99.0.11", limit=30) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for number in range(20):
            channel.basic_publish("", "video", str(number).encode(), pika.BasicProperties(delivery_mode=2), mandatory=True)
    for node in nodes:
        node.kill()
    nodes[0].lose_data()
    for node in nodes[1:]:
        node.start()
        wait("a port mapper", lambda node=node: mapped(node), 30)
        for pid in node.pids():
            if "epmd" not in pathlib.Path(f"/proc/{pid}/comm").read_text():
                os.kill(pid, signal.SIGSTOP)
    nodes[0].start()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert refused(lambda: connect("10.99.0.10", limit=0).close()), "the node without data began a cluster of its own"
        time.sleep(0.5)
    for node in nodes[1:]:
        node.freeze(False)
    begin = time.monotonic()
    wait("three members of every queue", lambda: whole(nodes), 180)
    found = len(drain_queue("video", "10.99.0.10"))
    assert found == 20, f"{found} of 20 confirmed messages"
    show("robbed: the others go on", whole_after=time.monotonic() - begin, confirmed_messages_found=found)
    for node in nodes:
        node.kill()


def cluster():
    """Three nodes and the router: every fault under a publisher, and no confirmed message missing after it."""
    nodes = [Node(i) for i in range(3)]
    begin = time.monotonic()
    start(nodes, FILES["three"])
    routing = router()
    connect(limit=120).close()
    serves = time.monotonic() - begin
    wait("three members of every queue", lambda: whole(nodes))
    show("cluster: forms", serves_after=serves, three_members_after=time.monotonic() - begin)

    if ENGINE:
        told = subprocess.run([ENGINE], env={"QUEUE_MEMBERS": "10.99.0.10,10.99.0.11,10.99.0.12", "QUEUE_PASSWORD": SECRETS["admin-password"]},
                              capture_output=True, text=True)
        assert told.returncode == 0, told.stdout + told.stderr
        show("cluster: declared queues are told", by="the operator's own code")
    # As an owner raises it: nothing but the policy changes.
    body = {"pattern": "^video$", "apply-to": "quorum_queues", "priority": 10, "definition": {"max-length": 100_000, "overflow": "reject-publish"}}
    assert api(0, "/policies/app/video", "PUT", body)[0] < 300

    def under(case, fault, mend, settle=8, **figures):
        publisher = Publisher()
        time.sleep(3)
        fault()
        time.sleep(settle)
        mended = time.monotonic()
        mend()
        wait("three online members", lambda: whole(nodes), 180)
        healed = time.monotonic() - mended
        time.sleep(2)
        publisher.end()
        figures["restarts"] = sum(node.restarts for node in nodes)
        missing = set(publisher.confirmed) - drain_queue("video")
        show(case, gap=publisher.gap, errors=publisher.errors, whole_again_after=healed, confirmed=len(publisher.confirmed), missing=len(missing), **figures)
        assert not missing, (case, sorted(missing)[:10])

    victim = None

    def pick():
        nonlocal victim
        victim = leader([n for n in nodes if n.process.poll() is None])
        return victim

    cases = {
        "leader killed": (lambda: pick().kill(), lambda: victim.start(), 8),
        "leader stopped after its drain": (lambda: (pick().tool("/usr/local/share/rabbitmq/drain", "60"), victim.stop()), lambda: victim.start(), 5),
        "leader frozen for 40 s": (lambda: pick().freeze(), lambda: victim.freeze(False), 40),
        "leader cut off for 40 s": (lambda: pick().cut(), lambda: victim.cut(False), 40),
        "leader robbed of its data": (lambda: (pick().kill(), victim.lose_data()), lambda: victim.start(), 5),
        "first member robbed of its data": (lambda: (nodes[0].kill(), nodes[0].lose_data()), lambda: nodes[0].start(), 5),
        "all killed at once": (lambda: [n.kill() for n in nodes], lambda: [n.start() for n in nodes], 1),
        "all killed, the last one comes a minute later": (lambda: [n.kill() for n in nodes], lambda: (nodes[0].start(), nodes[1].start(), time.sleep(60), nodes[2].start()), 1),
        "router killed": (lambda: routing.kill(), lambda: routing.start(), 0),
    }
    wanted = [c for c in CASES if c in cases] or list(cases)
    for case in wanted:
        fault, mend, settle = cases[case]
        under(case, fault, mend, settle)
    for pod in [*nodes, routing]:
        pod.kill()


try:
    for case in (single, growth, formation, robbed):
        if not CASES or case.__name__ in CASES:
            case()
            for kept in [*WORK.glob("data*"), *WORK.glob("run*")]:
                shutil.rmtree(kept)
    if not CASES or set(CASES) - {"single", "growth", "formation", "robbed"}:
        cluster()
except BaseException:
    for log in sorted(WORK.glob("*.log")):
        print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-40:], sep="\n")
    raise

"""Pods of the edge and of the caching proxy as processes of this machine, each in a network of its own on one bridge."""
import asyncio
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

NETWORK = "10.9.0."
DNS, EDGE_SERVICE = NETWORK + "53", NETWORK + "5"
TOKEN = "T0kenOfTheTest"


def run(*command):
    subprocess.run(command, check=True)


def plumb():
    """Makes the bridge, with the addresses of what is no pod: DNS, the edge's Service, the services' pods."""
    run("ip", "link", "add", "pods", "type", "bridge")
    run("ip", "link", "set", "pods", "up")
    for last in [1, 5, 53, *range(22, 28), *range(30, 40)]:
        run("ip", "address", "add", f"{NETWORK}{last}/24", "dev", "pods")


class Dns(threading.Thread):
    """Names of Services: those of pods by their ordinal, the headless one of the web pods by who is ready."""

    def __init__(self, app):
        super().__init__(daemon=True)
        self.app, self.web, self.next, self.edges, self.over = app, set(), set(), set(), False
        self.edge_address = EDGE_SERVICE
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((DNS, 53))
        self.start()

    def addresses(self, name):
        if name.startswith(f"{self.app}-edge."):
            return [self.edge_address]
        if name.startswith(f"{self.app}-edge-members."):
            return sorted(self.edges)
        ordinal = re.match(rf"{self.app}-proxy-(\d+)\.", name)
        if ordinal:
            return [f"{NETWORK}{20 + int(ordinal[1])}"]
        if name.startswith(f"{self.app}-next-pods."):
            return sorted(self.next)
        return sorted(self.web) if "-pods." in name else []

    def end(self):
        self.over = True
        self.join()

    def run(self):
        self.socket.settimeout(0.2)
        while not self.over:
            try:
                query, client = self.socket.recvfrom(8192)
            except TimeoutError:
                continue
            end, labels = 12, []
            while query[end]:
                labels.append(query[end + 1 : end + 1 + query[end]].decode())
                end += query[end] + 1
            question = query[12 : end + 5]
            known = self.addresses(".".join(labels).lower() + ".")
            found = known if struct.unpack(">H", question[-4:-2])[0] == 1 else []
            answer = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, len(found), 0, 0) + question
            for address in found:
                answer += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 5, 4) + socket.inet_aton(address)
            self.socket.sendto(answer, client)
        self.socket.close()


class Pod:
    """A process in its network; what it may write is its own."""

    def __init__(self, name, last, image, command, mounts, environment):
        self.name, self.address = name, f"{NETWORK}{last}"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", f"v{last}", "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", f"v{last}", "master", "pods", "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "address", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        self.image, self.command, self.mounts, self.environment, self.process = image, command, mounts, environment, None
        self.group = None

    def start(self):
        script = f"set -e; image={self.image}\n"
        for path, content in self.mounts.items():
            script += f"mkdir -p $image{path}; mount -t tmpfs -o uid=10001,gid=10001,size=64m tmpfs $image{path}\n"
            for name, text in content.items():
                script += f"cat >$image{path}/{name} <<'=====END'\n{text}\n=====END\n"
        script += f"mkdir -p $image/dev; mount --bind /dev $image/dev; mount -t proc proc $image/proc; mount -t tmpfs -o mode=1777 tmpfs $image/tmp\n"
        script += 'exec chroot $image setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs "$@"'
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "POD_NAME": self.name, **self.environment}
        self.started = time.monotonic()
        self.log = open(f"/run/{self.name}.log", "ab")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "bash", "-c", script, "pod", *self.command],
            env=environment, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=self.group and self.group.enter,
        )

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """At once, with all that it started."""
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def remove(self):
        run("ip", "link", "delete", f"v{self.address.rsplit('.')[-1]}")
        run("ip", "netns", "delete", self.name)

    def everywhere(self, number):
        os.killpg(self.process.pid, number)


def pods(haproxy, varnish, found, app, edges=2, proxies=2):
    """Pods, not started: edges, then proxies."""
    resolver = {"resolv.conf": f"nameserver {DNS}"}
    for image in (haproxy, varnish):
        open(f"{image}/etc/resolv.conf", "w").write(f"nameserver {DNS}\n")
    made_edges = [
        Pod(f"{app}-edge-{n}", 10 + n, haproxy, ["/usr/sbin/haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"],
            {"/etc/haproxy": {"haproxy.cfg": found["haproxy.cfg"]}, "/run/haproxy": {}}, {"PURGE_TOKEN": TOKEN})
        for n in range(edges)
    ]
    made_proxies = [
        Pod(f"{app}-proxy-{n}", 20 + n, varnish, ["/usr/local/bin/entrypoint", *found["arguments"]],
            {"/etc/varnish": {"default.vcl": found["default.vcl"]}, "/etc/varnish-auth": {},
             "/var/lib/varnish": {}}, {"DRAIN_SECONDS": "5"})
        for n in range(proxies)
    ]
    for pod in made_proxies:
        # Without a line feed at the end, as a Secret has it.
        pod.mounts["/etc/varnish-auth"] = {"admin-secret": "AdminOfTheTest"}
        pod.command = ["sh", "-c", f"printf {TOKEN} >/etc/varnish-auth/purge-token; exec \"$@\"", "token", *pod.command]
    return made_edges, made_proxies


class Service:
    """The edge's Service as a node's kernel does it: each connection to one of the pods that are ready, in turn."""

    def __init__(self, port):
        self.port, self.targets, self.turn = port, [], 0

    async def start(self):
        self.server = await asyncio.start_server(self.connection, EDGE_SERVICE, self.port)

    async def connection(self, reader, writer):
        self.turn += 1
        try:
            target = self.targets[self.turn % len(self.targets)]
            inner_reader, inner_writer = await asyncio.open_connection(target, self.port)
        except (OSError, ZeroDivisionError):
            return writer.transport.abort()

        async def copy(source, sink):
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
                sink.write_eof() if sink.can_write_eof() else None
            except OSError:
                sink.transport.abort()

        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))
        writer.close()
        inner_writer.close()

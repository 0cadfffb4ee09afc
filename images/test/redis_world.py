"""A small Kubernetes of namespaces for redis.py: pods with their containers, Services, and a router."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import yaml

REDIS_IMAGE, HAPROXY_IMAGE, WORK = sys.argv[1:4]
UID = 10001
# So many times the planned memory, to see what would be taken of it.
TIMES = int(os.environ.get("TIMES", 1))
COMMANDS = {"redis": "redis-member", "sentinel": "sentinel-member"}
SERVICE, POD, ROUTER = "10.96.0.1{}", "10.244.0.1{}", "10.244.0.20"


def run(*command):
    subprocess.run(command, check=True)


def network():
    """A node: a bridge for its pods, and Services as kube-proxy makes them, hairpin included."""
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    run("ip", "link", "add", "br0", "type", "bridge")
    run("ip", "address", "add", "10.244.0.1/24", "dev", "br0")
    run("ip", "link", "set", "br0", "up")
    run("iptables", "-t", "nat", "-A", "POSTROUTING", "-m", "conntrack", "--ctstate", "DNAT", "-j", "MASQUERADE")
    for ordinal in range(3):
        serve(ordinal, SERVICE.format(ordinal))
        namespace(f"m{ordinal}", POD.format(ordinal))
    namespace("router", ROUTER)


def serve(ordinal, address, change="-A"):
    for port, target in ((6379, 6379), (16379 + ordinal, 6379), (26379, 26379)):
        for chain in ("PREROUTING", "OUTPUT"):
            run("iptables", "-t", "nat", change, chain, "-d", address, "-p", "tcp", "--dport", str(port),
                "-j", "DNAT", "--to", f"{POD.format(ordinal)}:{target}")


def namespace(name, address):
    run("ip", "netns", "add", name)
    run("ip", "link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "link", "set", f"v{name}", "master", "br0", "up")
    run("ip", "link", "set", f"v{name}", "type", "bridge_slave", "hairpin", "on")  # as a CNI does: a Sentinel reaches its own pod's Redis
    for words in (["link", "set", "lo", "up"], ["address", "add", f"{address}/24", "dev", "eth0"],
                  ["link", "set", "eth0", "up"], ["route", "add", "default", "via", "10.244.0.1"]):
        run("ip", "-n", name, *words)


class World:
    """What the operator renders for a tier at one size: `1` and `3` members, or `large` ones."""

    def __init__(self, tier, size):
        documents = []
        for kind in ("world", "secrets"):
            with open(f"{WORK}/{kind}-{size}.yaml") as file:
                documents += [document for document in yaml.safe_load_all(file) if document]
        find = lambda kind, name: next(d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name)
        self.tier = tier
        self.config = find("ConfigMap", f"memory-{tier}")["data"]
        self.router = find("ConfigMap", f"memory-{tier}-router")["data"]["haproxy.cfg"]
        self.secret = find("Secret", f"memory-{tier}-config")["data"]
        containers = find("StatefulSet", f"memory-{tier}")["spec"]["template"]["spec"]["containers"]
        containers = [container for container in containers if container["name"] in COMMANDS]
        self.variables = {v["name"]: v.get("value") for v in containers[0]["env"]}
        self.containers = {c["name"]: int(c["resources"]["limits"]["memory"].removesuffix("Mi")) for c in containers}

    def password(self, who):
        import base64
        return base64.b64decode(self.secret[f"{who}-password"]).decode()

    def users(self):
        import base64
        return {key: base64.b64decode(text).decode() for key, text in self.secret.items() if key.endswith(".acl")}


class Memory:
    """The memory that a container may take, in MiB, as a control group of the kernel: the first version or the second."""

    def __init__(self, name, limit):
        first = os.path.isdir("/sys/fs/cgroup/memory")
        self.path = f"/sys/fs/cgroup/{'memory/' if first else ''}scaledapp-{os.path.basename(WORK)}-{name}"
        os.makedirs(self.path, exist_ok=True)
        self.pages, self.kills = ("rss", "oom_control") if first else ("anon", "events")
        self.write("memory.limit_in_bytes" if first else "memory.max", limit * TIMES << 20)

    def write(self, file, value):
        with open(f"{self.path}/{file}", "w") as control:
            control.write(str(value))

    def read(self, file):
        with open(f"{self.path}/memory.{file}") as control:
            return control.read()

    def number(self, file, name):
        return int(next(line.split()[1] for line in self.read(file).splitlines() if line.split()[0] == name))

    def taken(self):
        """MiB of the processes themselves, without the pages of files, which the kernel takes back."""
        return self.number("stat", self.pages) >> 20

    def killed(self):
        """Processes that the kernel ended for want of memory."""
        return self.number(self.kills, "oom_kill")

    def remove(self):
        """The kernel takes a moment to forget who ended."""
        end = time.monotonic() + 5
        while True:
            try:
                return os.rmdir(self.path)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


class Container:
    """A process that the kubelet starts again, a second after it ended."""

    def __init__(self, pod, name, limit):
        self.pod, self.name, self.wanted, self.process = pod, name, True, None
        self.memory = Memory(f"{pod.ordinal}-{name}", limit)
        self.log = open(f"{WORK}/log-{pod.ordinal}-{name}", "a")
        self.start()
        threading.Thread(target=self.keep, daemon=True).start()

    def start(self):
        command = COMMANDS[self.name]
        self.log.write(f"--- {time.monotonic():.1f} {command} starts\n")
        self.log.flush()
        self.process = subprocess.Popen(self.pod.inside(command), stdout=self.log, stderr=self.log, start_new_session=True,
                                        preexec_fn=lambda: self.memory.write("cgroup.procs", 0))

    def keep(self):
        while self.wanted:
            self.process.wait()
            self.signal_all(signal.SIGKILL)
            if self.wanted:
                time.sleep(1)
                if self.wanted:
                    self.start()

    def signal_all(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def stop(self, patience):
        self.wanted = False
        try:
            self.process.terminate()
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        self.signal_all(signal.SIGKILL)
        self.process.wait()
        self.memory.remove()


class Pod:
    def __init__(self, world, ordinal):
        self.world, self.ordinal = world, ordinal
        self.root = f"{WORK}/root-{ordinal}"
        self.data = f"{WORK}/data-{world.tier}-{ordinal}"
        self.mount()
        self.containers = {name: Container(self, name, limit) for name, limit in world.containers.items()}

    def mount(self):
        for path in (self.root, self.data):
            os.makedirs(path, exist_ok=True)
        run("mount", "--bind", REDIS_IMAGE, self.root)
        run("mount", "-o", "remount,bind,ro", self.root)
        run("mount", "-t", "proc", "proc", f"{self.root}/proc")
        run("mount", "--bind", "/dev", f"{self.root}/dev")
        for path in ("run/redis", "etc/redis", "etc/redis-auth"):
            run("mount", "-t", "tmpfs", "tmpfs", f"{self.root}/{path}")
        run("mount", "--bind", self.data, f"{self.root}/data")
        for path in (f"{self.root}/run/redis", self.data):
            os.chown(path, UID, UID)
        for directory, files in (("etc/redis", self.world.config), ("etc/redis-auth", self.world.users())):
            for name, text in files.items():
                with open(f"{self.root}/{directory}/{name}", "w") as file:
                    file.write(text)
        hosts(self.root)

    def inside(self, *command):
        variables = {**self.world.variables, "MEMBER": f"memory-{self.world.tier}-{self.ordinal}",
                     "ADMIN_PASSWORD": self.world.password("admin"), "PATH": "/usr/local/bin:/usr/bin:/bin",
                     "MEMBERS": " ".join(f"member-{i}" for i in range(3)), "LANG": "C.UTF-8",
                     "DATA_VOLUME": "/data", "RUN_DIRECTORY": "/run/redis", "CONFIG_DIRECTORY": "/etc/redis", "AUTH_DIRECTORY": "/etc/redis-auth"}
        return ["ip", "netns", "exec", f"m{self.ordinal}", "chroot", self.root, "setpriv", f"--reuid={UID}", f"--regid={UID}",
                "--clear-groups", "--no-new-privs", "--bounding-set=-all", "env", "-i",
                *[f"{name}={value}" for name, value in variables.items()], *command]

    def probe(self, question):
        return subprocess.run(self.inside("member-probe", question), stderr=subprocess.DEVNULL).returncode == 0

    def signal(self, number, *names):
        for name in names or self.containers:
            self.containers[name].signal_all(number)

    def kill(self, *names):
        self.signal(signal.SIGKILL, *names)

    def delete(self, graceful=True):
        """Takes the pod away; its emptyDirs go with it."""
        begun = time.monotonic()
        if graceful:
            with open(f"{WORK}/log-{self.ordinal}-redis", "a") as log:
                subprocess.run(self.inside("member-leave"), stderr=log, timeout=40)
        self.containers["redis"].stop(30 if graceful else 0)
        if "sentinel" in self.containers:
            if graceful:  # its preStop
                time.sleep(max(0, begun + 5 - time.monotonic()))
            self.containers["sentinel"].stop(30 if graceful else 0)
        run("umount", "-R", self.root)
        if self.world.tier == "cache":
            self.lose_volume()

    def lose_volume(self):
        shutil.rmtree(self.data)

    def cut(self, how="down"):
        run("ip", "link", "set", f"vm{self.ordinal}", how)


def hosts(root, addresses=None):
    """Names as DNS gives them; the image's own file stays as it is."""
    text = "127.0.0.1 localhost\n" + "".join(
        f"{(addresses or {}).get(i, SERVICE.format(i))} member-{i}\n" for i in range(3))
    path = f"{WORK}/hosts-{os.path.basename(root)}"
    fresh = not os.path.exists(path)
    with open(path, "w") as file:
        file.write(text)
    if fresh or not os.path.samefile(path, f"{root}/etc/hosts"):
        run("mount", "--bind", path, f"{root}/etc/hosts")


class Router:
    def __init__(self, world):
        text = world.router
        for ordinal in range(3):
            text = text.replace(f"memory-{world.tier}-{ordinal}.default.svc.cluster.local", SERVICE.format(ordinal))
        text = text.replace(" resolvers cluster init-addr last,none resolve-prefer ipv4", "")
        self.root = f"{WORK}/router"
        os.makedirs(self.root, exist_ok=True)
        run("mount", "--bind", HAPROXY_IMAGE, self.root)
        run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", f"{self.root}/run")
        os.makedirs(f"{self.root}/run/haproxy", mode=0o777)
        os.chmod(f"{self.root}/run/haproxy", 0o777)
        with open(f"{self.root}/run/haproxy.cfg", "w") as file:
            file.write(text)
        self.log = open(f"{WORK}/log-router", "a")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", "router", "chroot", self.root, "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups",
             "env", "-i", f"MONITOR_PASSWORD={world.password('monitor')}", "/usr/sbin/haproxy", "-W", "-db", "-f", "/run/haproxy.cfg"],
            stdout=self.log, stderr=self.log)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        run("umount", "-R", self.root)


class RedisError(Exception):
    pass


class Connection:
    """As much of a Redis client as the tests need; every wait has a limit of a second."""

    def __init__(self, host, port, user, password, timeout=1.0):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.file = self.socket.makefile("rb")
        self.ask("AUTH", user, password)

    def ask(self, *words):
        parts = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self.read()

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the connection was closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()

    def close(self):
        self.file.close()
        self.socket.close()

"""Measures how the router and the pool behave when a database fails in the ways that Patroni's REST can show.

Every case starts with member 0 as primary, makes one fault, and reads the times from a client that goes through
the router alone (`direct`) and from one that goes through the pool as well (`pooled`). Started by router.sh.
"""
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings

import psycopg2

warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: the child only serves HTTP
MEMBERS = [0, 1, 2]
PASSWORD = "a'b c"
BIN = "/usr/lib/postgresql/17/bin/"
ROLES = "/tmp/roles"
TEST = "/run/test/testdata/"


def address(member):
    return f"10.99.0.1{member}"


def drop():
    os.setgroups([])
    os.setgid(10001)
    os.setuid(10001)


def run(*command):
    subprocess.run(command, check=True, preexec_fn=drop, stdout=subprocess.DEVNULL)


# --- stand-ins ---


class Rest(http.server.BaseHTTPRequestHandler):
    """Answers /primary and /replica by the member's role, which is a file, as Patroni does."""

    def do_GET(self):
        with open(f"{ROLES}/{self.server.member}") as file:
            role = file.read()
        self.send_response(200 if self.path == f"/{role}" else 503)
        self.end_headers()

    do_OPTIONS = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, *_):
        """The router hung up while this process was stopped."""


def serve_rest(member):
    child = os.fork()
    if child == 0:
        server = Server((address(member), 8008), Rest)
        server.member = member
        server.serve_forever()
    return child


class LagAgent(threading.Thread):
    """What the lag agent of a member says; None: nothing, it hangs up."""

    def __init__(self, member):
        super().__init__(daemon=True)
        self.says = "up"
        self.socket = socket.create_server((address(member), 8009))
        self.start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            if self.says:
                connection.sendall(f"{self.says}\n".encode())
            connection.close()


def role(member, name):
    with open(f"{ROLES}/{member}.new", "w") as file:
        file.write(name)
    os.rename(f"{ROLES}/{member}.new", f"{ROLES}/{member}")


def network(*commands):
    """Runs `ip` commands: the image has no such tool, router.sh listens for them."""
    with open("/run/control", "w") as control:
        control.writelines(command + "\n" for command in commands)
    time.sleep(0.05)


# --- real processes ---


def start_postgres(member):
    data = f"/tmp/pg{member}"
    if not os.path.exists(data):
        run(BIN + "initdb", "-D", data, "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8",
            "--auth-host=scram-sha-256", "--auth-local=peer", "--username=postgres", "--no-sync")
        with open(data + "/pg_hba.conf", "a") as file:
            file.write("host all all all scram-sha-256\n")
        with open(data + "/postgresql.conf", "a") as file:
            file.write(f"listen_addresses='{address(member)}'\nunix_socket_directories='{data}'\nfsync=off\nshared_buffers=16MB\n")
    process = subprocess.Popen([BIN + "postgres", "-D", data], preexec_fn=drop, stderr=open(f"/tmp/pg{member}.log", "a"))
    while not os.path.exists(f"{data}/.s.PGSQL.5432"):
        time.sleep(0.05)
    return process


def make_role(member):
    env = {"PATH": f"{BIN}:/usr/local/bin:/usr/bin", "APP_PASSWORD": PASSWORD, "MONITOR_PASSWORD": "m"}
    for _ in range(50):
        if subprocess.run([BIN + "pg_isready", "-q", "-h", f"/tmp/pg{member}"]).returncode == 0:
            break
        time.sleep(0.1)
    subprocess.run(["/usr/local/bin/post-init", f"host=/tmp/pg{member} dbname=postgres user=postgres"], check=True, env=env, preexec_fn=drop)


def in_image(root, command, log):
    def enter():
        os.chroot(root)
        os.chdir("/")
        drop()
    return subprocess.Popen(command, preexec_fn=enter, stdout=open(log, "a"), stderr=subprocess.STDOUT)


def start_router():
    root = "/run/haproxy"
    os.makedirs(root + "/run/haproxy", mode=0o777, exist_ok=True)
    os.chmod(root + "/run/haproxy", 0o777)
    with open(TEST + "router.cfg") as file:
        config = file.read()
    config = re.sub(r"(?m)^(  server shop-database-(\d)) \S+", lambda m: f"{m[1]} {address(int(m[2]))}:5432", config)
    with open(root + "/tmp/router.cfg", "w") as file:
        file.write(config)
    return in_image(root, ["/usr/sbin/haproxy", "-W", "-db", "-f", "/tmp/router.cfg"], "/tmp/router.log")


def start_pool():
    root = "/run/pgbouncer"
    os.makedirs(root + "/run/pgbouncer", mode=0o777, exist_ok=True)
    os.chmod(root + "/run/pgbouncer", 0o777)
    with open(TEST + "pgbouncer.ini") as file:
        config = file.read().replace("/etc/pgbouncer-auth", "/tmp")
    with open(root + "/tmp/pgbouncer.ini", "w") as file:
        file.write(config)
    with open(root + "/tmp/userlist.txt", "w") as file:
        file.write(f'"app" "{PASSWORD}"\n')
    return in_image(root, ["/usr/sbin/pgbouncer", "/tmp/pgbouncer.ini"], "/tmp/pool.log")


# --- observers ---


class Client(threading.Thread):
    """Asks again and again where it is, over one connection as long as that lives."""

    def __init__(self, name, port, database="app"):
        super().__init__(daemon=True)
        self.name, self.port, self.database = name, port, database
        self.answers, self.errors, self.running = [], [], True
        self.start()

    def run(self):
        connection = None
        while self.running:
            try:
                if connection is None:
                    connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="app", password=PASSWORD,
                                                  dbname=self.database, connect_timeout=60)
                    connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("SELECT host(inet_server_addr())")
                    self.answers.append((time.monotonic(), int(cursor.fetchone()[0][-1])))
                time.sleep(0.02)
            except psycopg2.Error as error:
                self.errors.append((time.monotonic(), str(error).strip().splitlines()[-1]))
                connection = None
                time.sleep(0.05)

    def wait_for(self, members, timeout=40):
        start = time.monotonic()
        while time.monotonic() - start < timeout:
            if self.answers and self.answers[-1][0] > start and self.answers[-1][1] in members:
                return
            time.sleep(0.02)
        raise AssertionError(f"{self.name}: no answer from {members}; {self.errors[-3:]} {self.answers[-3:]}")

    def last_of(self, member, since):
        return max((at for at, who in self.answers if who == member), default=since) - since

    def first_of(self, member, since):
        return min((at for at, who in self.answers if who == member and at > since), default=float("inf")) - since

    def errors_since(self, since):
        return [text for at, text in self.errors if at > since]


class World:
    def __init__(self):
        self.rest = {m: serve_rest(m) for m in MEMBERS}
        self.postgres = {m: start_postgres(m) for m in MEMBERS}
        for member in MEMBERS:
            make_role(member)
        self.agents = {m: LagAgent(m) for m in MEMBERS}
        self.router, self.pool = start_router(), start_pool()
        time.sleep(1)
        self.direct, self.pooled = Client("direct", 5001), Client("pooled", 6432)

    def reset(self):
        for member in MEMBERS:
            role(member, "primary" if member == 0 else "replica")
            self.agents[member].says = "up"
        self.direct.wait_for([0])
        self.pooled.wait_for([0])
        time.sleep(2)

    def signal_rest(self, member, number):
        os.kill(self.rest[member], number)

    def report(self, name, fault, target=1):
        """Prints, from the moment of the fault: the last answer of member 0, the first of the target, and errors."""
        parts = []
        for client in (self.direct, self.pooled):
            client.wait_for([target])
            parts.append(f"{client.name}: last old {client.last_of(0, fault):5.2f} s, first new {client.first_of(target, fault):5.2f} s, "
                         f"errors {len(client.errors_since(fault))}")
        print(f"{name:34} {' | '.join(parts)}", flush=True)


# --- cases ---


def flip(world):
    fault = time.monotonic()
    role(0, "replica")
    role(1, "primary")
    world.report("flip: 503 and new primary at once", fault)


def demoted(world):
    fault = time.monotonic()
    role(0, "replica")
    time.sleep(6)
    promoted = time.monotonic()
    role(1, "primary")
    world.report("503, new primary after 6 s", fault)
    assert world.direct.last_of(0, fault) < 1.5, "an explicit 503 must cut sessions within 1.5 s"
    assert world.direct.first_of(1, promoted) < 1.5
    assert not world.pooled.errors_since(fault)[1:], world.pooled.errors_since(fault)


def frozen(world):
    world.signal_rest(0, signal.SIGSTOP)
    fault = time.monotonic()
    time.sleep(18)
    role(1, "primary")
    world.report("REST frozen, new primary after 18 s", fault)
    cut = world.direct.last_of(0, fault)
    world.signal_rest(0, signal.SIGCONT)
    assert 14 < cut < 17, f"a frozen REST cut after {cut}"


def frozen_short(world):
    fault = time.monotonic()
    world.signal_rest(0, signal.SIGSTOP)
    time.sleep(12)
    world.signal_rest(0, signal.SIGCONT)
    time.sleep(3)
    print(f"{'REST frozen for 12 s':34} direct: errors {len(world.direct.errors_since(fault))} | pooled: errors {len(world.pooled.errors_since(fault))}", flush=True)
    assert not world.direct.errors_since(fault)


def refused(world):
    fault = time.monotonic()
    os.kill(world.rest[0], signal.SIGKILL)
    os.waitpid(world.rest[0], 0)
    role(1, "primary")
    world.report("REST refused, PostgreSQL lives", fault)
    role(0, "replica")
    world.rest[0] = serve_rest(0)
    assert world.direct.last_of(0, fault) < 1.5


def lost(world):
    """Nothing comes back from the member's address, as when its node is gone."""
    fault = time.monotonic()
    network(f"address del {address(0)}/32 dev lo", f"route add {address(0)}/32 dev void")
    role(1, "primary")
    world.report("node gone, silent", fault)
    network(f"route del {address(0)}/32 dev void", f"address add {address(0)}/32 dev lo")
    role(0, "replica")


def killed(world):
    fault = time.monotonic()
    world.postgres[0].send_signal(signal.SIGQUIT)
    world.postgres[0].wait()
    role(0, "down")
    role(1, "primary")
    world.report("PostgreSQL and REST say gone", fault)
    world.postgres[0] = start_postgres(0)


def outage(world):
    """A whole failover as the pool's clients see it: member 0 dies at once, another becomes primary 20 s later."""
    clients = [Client(f"client {number}", 6432) for number in range(10)]
    clients[-1].wait_for([0])
    time.sleep(3)  # no log-in under way: one that fails makes PgBouncer refuse queries until the next succeeds
    fault = time.monotonic()
    world.postgres[0].send_signal(signal.SIGQUIT)
    world.postgres[0].wait()
    os.kill(world.rest[0], signal.SIGKILL)
    os.waitpid(world.rest[0], 0)
    time.sleep(20)
    promoted = time.monotonic()
    role(1, "primary")
    for client in clients:
        client.wait_for([1])
        client.running = False
    first = max(client.first_of(1, promoted) for client in clients)
    errors = [len(client.errors_since(fault)) for client in clients]
    print(f"{'dead primary, the next after 20 s':34} {len(clients)} pooled clients: all answered {first:.2f} s after the promotion, errors {errors}", flush=True)
    world.postgres[0] = start_postgres(0)
    role(0, "replica")
    world.rest[0] = serve_rest(0)
    assert max(errors) <= 1, [client.errors_since(fault)[-1:] for client in clients]


def leftovers(world):
    """The router keeps no session but those that clients hold: a hung one would live for a day."""
    time.sleep(3)
    with socket.socket(socket.AF_UNIX) as control:
        control.connect("/run/haproxy/run/haproxy/admin.sock")
        control.sendall(b"show sess\n")
        lines = control.makefile().read().split("\n")
    old = [line for line in lines if "age=" in line and "GLOBAL" not in line]
    print(f"{'sessions left in the router':34} {len(old)}", flush=True)
    assert len(old) <= 4, "\n".join(old)


def reads(world):
    reader = Client("reader", 5002)
    reader.wait_for([1, 2])
    first = reader.answers[-1][1]
    other = 3 - first
    fault = time.monotonic()
    world.agents[first].says = "down"
    reader.wait_for([other])
    cut = reader.last_of(first, fault)
    world.agents[other].says = "down"
    reader.wait_for([0])
    to_primary = reader.first_of(0, fault)
    world.agents[first].says = world.agents[other].says = None
    time.sleep(2)
    world.agents[first].says = "up"
    time.sleep(2)
    pooled = Client("pooled reads", 6432, "app_ro")
    pooled.wait_for([first])
    fault = time.monotonic()
    world.agents[first].says = "down"
    pooled.wait_for([0])
    print(f"{'replica over its lag':34} cut after {cut:.2f} s, primary serves reads {to_primary:.2f} s, pooled session moved {pooled.first_of(0, fault):.2f} s", flush=True)
    reader.running = pooled.running = False


def silent_replica(world):
    """A replica stands still, Patroni and PostgreSQL, as on a starved node. The checks believe in it for 15 s; new sessions must not."""
    fault = time.monotonic()
    world.signal_rest(2, signal.SIGSTOP)
    world.postgres[2].send_signal(signal.SIGSTOP)
    waits, errors = [], []
    while time.monotonic() - fault < 10:
        begun = time.monotonic()
        try:
            psycopg2.connect(host="127.0.0.1", port=5002, user="app", password=PASSWORD, dbname="app", connect_timeout=12).close()
        except psycopg2.Error as error:
            errors.append(str(error).strip())
        waits.append(time.monotonic() - begun)
    world.postgres[2].send_signal(signal.SIGCONT)
    world.signal_rest(2, signal.SIGCONT)
    print(f"{'replica silent':34} {len(waits)} new sessions in 10 s, the longest log-in {max(waits):.2f} s, errors {len(errors)}", flush=True)
    assert max(waits) < 2 and not errors, errors[:3]


def console(world):
    """The agent's way in: same uid over the socket, no password; nobody over the network."""
    script = ("import psycopg2; c = psycopg2.connect(host='/run/pgbouncer/run/pgbouncer', port=6432, user='pgbouncer', dbname='pgbouncer'); "
              "c.autocommit = True; k = c.cursor(); k.execute('PAUSE app'); k.execute('RESUME app'); k.execute('SHOW VERSION'); print(k.fetchone()[0])")
    version = subprocess.run(["/usr/bin/python3", "-c", script], preexec_fn=drop, check=True, capture_output=True, text=True).stdout.strip()
    refused_at_network = False
    try:
        psycopg2.connect(host="127.0.0.1", port=6432, user="pgbouncer", dbname="pgbouncer", password="x")
    except psycopg2.OperationalError:
        refused_at_network = True
    print(f"{'admin console':34} {version}, PAUSE and RESUME work; refused over TCP: {refused_at_network}", flush=True)
    assert refused_at_network


CASES = [flip, demoted, refused, killed, lost, outage, reads, silent_replica, console, frozen_short, frozen, leftovers]


def main():
    shutil.rmtree(ROLES, ignore_errors=True)
    os.makedirs(ROLES)
    for member in MEMBERS:
        role(member, "primary" if member == 0 else "replica")
    world = World()
    chosen = [case for case in CASES if not sys.argv[1:] or case.__name__ in sys.argv[1:]]
    failed = False
    try:
        for case in chosen:
            world.reset()
            try:
                case(world)
            except AssertionError as error:
                failed = True
                print(f"FAILED {case.__name__}: {error}", flush=True)
    finally:
        if failed:
            for log in ("/tmp/router.log", "/tmp/pool.log"):
                print(f"--- {log}\n{open(log).read()[-3000:]}")
    sys.exit(failed)


main()

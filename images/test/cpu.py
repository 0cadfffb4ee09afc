"""Control groups that count the processor time of what is measured, of cgroup v1 or v2."""
import os
import time
import uuid

V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
WEIGHTS, COUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup") if V2 else ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpuacct")
# Ten times a usual one: what else runs on the machine may slow the measurement, but not decide it.
WEIGHT = 10


class Group:
    """One group. Whoever enters it stays, with all children."""

    def __init__(self, name):
        if not os.access(WEIGHTS, os.W_OK):
            raise SystemExit(f"{WEIGHTS} cannot be written: parts of processor time need control groups, and root")
        # A process number would be that of a namespace.
        self.name = f"scaledapp-bench-{uuid.uuid4().hex[:8]}-{name}"
        for folder in {WEIGHTS, COUNTS}:
            os.makedirs(f"{folder}/{self.name}")
        if V2:
            self.write("cpu.weight", 100 * WEIGHT)
        else:
            self.write("cpu.shares", 1024 * WEIGHT)

    def write(self, file, value, folder=WEIGHTS):
        with open(f"{folder}/{self.name}/{file}", "w") as opened:
            opened.write(str(value))

    def enter(self):
        """Brings the calling process in."""
        for folder in {WEIGHTS, COUNTS}:
            self.write("cgroup.procs", 0, folder)

    def leave(self):
        """Brings the calling process back to the top."""
        for folder in {WEIGHTS, COUNTS}:
            with open(f"{folder}/cgroup.procs", "w") as opened:
                opened.write("0")

    def used(self):
        """Seconds of processor time so far."""
        if V2:
            with open(f"{COUNTS}/{self.name}/cpu.stat") as opened:
                return int(dict(line.split() for line in opened)["usage_usec"]) / 1e6
        with open(f"{COUNTS}/{self.name}/cpuacct.usage") as opened:
            return int(opened.read()) / 1e9

    def remove(self):
        """When its last process has ended, which those that were killed do within a moment."""
        for folder in {WEIGHTS, COUNTS}:
            for _ in range(100):
                try:
                    os.rmdir(f"{folder}/{self.name}")
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                print(f"{folder}/{self.name} still has processes and stays", flush=True)

"""fixture - a small site for fault tests: libvirt's test driver in a private daemon, machines' RDP servers, a real berthd.

Everything stands in one folder of a memory file system, has a network of its own and ends with the program. A Broker can be
started under fault-inject or with any other command before it; all else is as in production.
"""
import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
MACHINES = 3
POOL = "ward"
PASSWORD = "fault-" + os.urandom(6).hex()
# Limit of every wait for a healthy broker: only a broken one takes this long, however slow the machine.
WAIT_LIMIT_S = int(os.environ.get("BERTH_WAIT_LIMIT_S", "300"))
CLONE_NEWNET = 0x40000000
# In a private network; the kernel uses ports from 32768 on for connections.
LINK_PORT, JOIN_PORT, FIRST_PORT = 7443, 7444, 13400


class Gone(Exception):
    """The broker or the connection to it has ended."""


class Refused(Exception):
    """The broker refused, with a reason."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


def own_network():
    """Move this process and its children into a network namespace with only a loopback: every port is free."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) < 0:
        raise SystemExit(f"no network namespace (root is needed): {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def wait_until(what, condition):
    """Call until the result is true; returns it, or raises an error that names what was awaited."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {WAIT_LIMIT_S} s: {what}")
        time.sleep(0.01)


class Machines:
    """RDP servers on the forwarded ports of the test driver's machines, which have no guest. They end with this program."""

    def __init__(self, build):
        self.desktops = subprocess.Popen([os.path.join(build, "tests/faults/berth-desktops"), str(FIRST_PORT), str(MACHINES)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.desktops.stdout.readline() != "ready\n":
            raise SystemExit("no desktops")

    def stop(self):
        self.desktops.stdin.close()
        self.desktops.wait()


class Libvirt:
    """A private daemon, and one virsh on its test driver, which keeps machines while a client is connected."""

    def __init__(self, folder):
        program = os.path.join(TOP, "deploy/lib/private-libvirtd")
        self.folder, self.program, self.shell = os.path.join(folder, "libvirt"), program, None
        done = subprocess.run([program, "start", self.folder, "--owner", str(os.getpid())],
                              check=True, stdout=subprocess.PIPE, text=True)
        self.uri = f"test+unix:///default?socket={done.stdout.strip()}"

    def ask(self, command):
        """Run one command of virsh; returns its lines. virsh echoes the command after a prompt, and ends the output of
        `echo` with the next prompt only."""
        self.shell.stdin.write(f"{command}\necho END-OF-ANSWER\necho\n")
        self.shell.stdin.flush()
        lines = []
        while True:
            line = self.shell.stdout.readline()
            if not line:
                raise RuntimeError("virsh ended")
            if line.startswith("END-OF-ANSWER"):
                return lines
            if line.strip() and "virsh # " not in line:
                lines.append(line.strip())

    def fresh(self):
        """An empty hypervisor with a storage pool. The earlier one ends with its last client."""
        self.leave()
        self.shell = subprocess.Popen(["virsh", "--quiet", "--connect", self.uri], text=True, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ask("destroy test")  # the driver's own example
        self.ask("undefine test")
        for known in self.ask("list --all --name"):
            self.ask(f"destroy {known}")
            self.ask(f"undefine {known}")
        self.ask("pool-define-as berth dir --target /berth")
        self.ask("pool-start berth")

    def leave(self):
        if self.shell:
            self.shell.stdin.close()
            self.shell.wait()
            self.shell.stdout.close()
            self.shell = None

    def machines(self):
        """Name to the id that libvirt gave it at its start: a restarted machine has a new id."""
        rows = [line.split() for line in self.ask("list")]
        return {row[1]: row[0] for row in rows}

    def stop(self):
        self.leave()
        subprocess.run([self.program, "stop", self.folder], check=True)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("berth", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Broker:
    """One run of berthd on a state folder."""

    def __init__(self, fixture, data, before=(), settings=(), environment=None):
        self.fixture, self.data = fixture, data
        self.socket = data + ".sock"
        self.log_path = data + ".log"
        self.connection = None
        self.pid = None
        self.wrapped = bool(before)
        options = {"broker.data": data, "broker.terminals": "50", "api.socket": self.socket,
                   "link.listen": f"127.0.0.1:{fixture.link_port}", "link.join_listen": f"127.0.0.1:{fixture.join_port}",
                   "link.threads": "1", "broker.recovery_s": "0", **dict(settings)}
        command = [*before, os.path.join(fixture.build, "berthd"), "--config", "/dev/null"]
        for name, value in options.items():
            command += ["--set", f"{name}={value}"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            env={**os.environ, **(environment or {})})
        if self.wrapped:
            self.pid = json.loads(self.process.stdout.readline())["pid"]
        else:
            self.pid = self.process.pid

    # ---- its API ----

    def ask(self, method, path, body=None, limit_s=WAIT_LIMIT_S):
        """One request; the answer's status and object. Gone when no broker answers."""
        try:
            if not self.connection:
                self.connection = UnixConnection(self.socket, limit_s)
            headers = {"Content-Type": "application/json"} if body is not None else {}
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = self.connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith(b"{") else text.decode()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.hang_up()
            raise Gone(f"{method} {path}: {error}") from error

    def hang_up(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def want(self, method, path, body=None):
        """The answer's object; Refused when it is an error."""
        status, answer = self.ask(method, path, body)
        if status >= 300:
            problem = answer.get("error", answer) if isinstance(answer, dict) else {}
            raise Refused(problem.get("code", str(status)), problem.get("text", str(answer)))
        return answer

    def rows(self, collection):
        """All of a collection, page by page."""
        rows, after = [], 0
        while after is not None:
            page = self.want("GET", f"/v1/{collection}?limit=200&after={after}")
            rows += page["items"]
            after = page["next"]
        return rows

    def is_ready(self):
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except Gone:
            return False

    def wait_ready(self):
        """True when it serves; false when it ended instead."""
        wait_until("the broker is ready, or ended", lambda: self.is_ready() or not self.alive())
        return self.alive()

    # ---- its end ----

    def alive(self):
        if not self.wrapped:
            return self.process.poll() is None
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    def end(self, number=signal.SIGTERM):
        """Send a signal, if it still runs; its end: see result()."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass
        return self.result()

    def result(self):
        """After its end: {"exit":, "signal":, ...}, with fault-inject's own figures where that stood before it. What it
        started has ended as well when this returns."""
        self.hang_up()
        wait_until("the broker ended", lambda: not self.alive())
        if self.wrapped:
            line = self.process.stdout.readline()
            if not line.startswith(b"{"):
                raise RuntimeError(f"fault-inject ended without a word: {line!r}")
            answer = json.loads(line)
            self.process.wait(WAIT_LIMIT_S)
        else:
            code = self.process.wait(WAIT_LIMIT_S)
            answer = {"exit": max(code, 0), "signal": max(-code, 0)}
        self.process.stdout.close()
        return answer

    def said(self, lines=6):
        """The end of its log, for reports."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def figure(self, name):
        """One metric; 0 when it is not there."""
        for line in self.ask("GET", "/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return 0.0


class Fixture:
    """The site: hypervisor, ports, a prepared state folder; each run starts with a copy of it."""

    def __init__(self, build, memory=True):
        self.build = os.path.abspath(build)
        for program in ("berthd", "berth-virt", "berthctl", "tests/faults/berth-desktops"):
            if not os.access(os.path.join(self.build, program), os.X_OK):
                raise SystemExit(f"'{program}' is not built in '{self.build}'")
        base = "/dev/shm" if memory and os.path.isdir("/dev/shm") else None
        own_network()
        self.link_port, self.join_port = LINK_PORT, JOIN_PORT
        self.folder = tempfile.mkdtemp(prefix="berth-faults.", dir=base)
        try:
            self.libvirt = Libvirt(self.folder)
            self.machines = Machines(self.build)
            self.lives = 0
            self.make_keys()
            self.warm = self.make_warm()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if hasattr(self, "libvirt"):
            self.libvirt.stop()
        if hasattr(self, "machines"):
            self.machines.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_keys(self):
        """A terminal's key and request, used by all terminals: each joins again in each run anyway."""
        self.requests = {}
        for name in ("icu-07", "icu-08", "icu-09"):
            key, request = (os.path.join(self.folder, f"{name}.{end}") for end in ("key", "csr"))
            subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", request, "-subj", f"/CN={name}"], check=True, capture_output=True)
            with open(request, encoding="ascii") as text:
                self.requests[name] = text.read()

    def copy(self, of=None):
        """A state folder for one run: a copy of the prepared one, or an empty one."""
        self.lives += 1
        data = os.path.join(self.folder, f"life-{self.lives}")
        if of:
            shutil.copytree(of, data)
        return data

    def discard(self, data):
        for path in (data, data + ".sock", data + ".log", data + ".backup", data + ".history"):
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)

    def start(self, data, **how):
        return Broker(self, data, **how)

    def make_warm(self):
        """What exists before the scenario begins: hypervisor, image, people. The scenario makes all changes."""
        self.libvirt.fresh()
        data = self.copy()
        broker = self.start(data)
        if not broker.wait_ready():
            raise RuntimeError("the broker did not start: " + broker.said())
        broker.want("POST", "/v1/hosts", {"name": "here", "uri": self.libvirt.uri, "address": "127.0.0.1",
                                          "port_first": FIRST_PORT, "port_last": FIRST_PORT + MACHINES - 1,
                                          "max_starting": 2, "max_desktops": MACHINES, "weight": 1, "storage": "berth"})
        broker.want("POST", "/v1/images", {"name": "desktop"})
        broker.want("POST", "/v1/images/desktop/versions", {"path": "/berth/desktop.qcow2", "kernel": "/berth/vmlinuz",
                                                            "initrd": "/berth/initrd.img"})
        broker.want("POST", "/v1/images/desktop/publish", {"number": 1})
        for name in ("anna", "bert"):
            broker.want("POST", "/v1/users", {"name": name, "title": name, "kind": "person"})
            broker.want("POST", f"/v1/users/{name}/password", {"password": PASSWORD})
        if broker.end()["exit"] != 0:
            raise RuntimeError("the broker did not end well: " + broker.said())
        return data

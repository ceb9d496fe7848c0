"""load - clients that work on a berthd that is killed again and again, always on the same folder."""
import sqlite3
import threading
import time

from scenario import Scenario, Facts, folder_violations
from terminal import Terminal
from fixture import WAIT_LIMIT_S, POOL, Gone, Refused, UnixConnection, wait_until

CLIENTS = 3


class Load:
    """Clients add rows as fast as they are acknowledged; one user signs on at one terminal after another."""

    def __init__(self, fixture, random):
        self.fixture, self.random = fixture, random
        self.fixture.libvirt.fresh()
        self.data = fixture.copy(fixture.warm)
        self.added, self.asked = set(), set()  # names of users: acknowledged, and all that were requested
        self.lost, self.sign_ons, self.epoch = 0, 0, 0
        self.number = 0
        self.lock = threading.Lock()
        self.prepare()

    def prepare(self):
        """A pool, and two terminals that have joined."""
        broker = self.fixture.start(self.data)
        if not broker.wait_ready():
            raise RuntimeError("the broker did not start: " + broker.said())
        scenario = Scenario(self.fixture, broker, Facts({}))
        scenario.open_pool()
        for name in ("icu-07", "icu-08"):
            scenario.join_terminal(name)
            scenario.terminals[name].close()
        scenario.await_spare()
        broker.end()

    def start(self):
        began = time.monotonic()
        broker = self.fixture.start(self.data)
        if not broker.wait_ready():
            raise RuntimeError("the broker did not start: " + broker.said())
        return broker, (time.monotonic() - began) * 1000

    # ---- work, until the broker is gone ----

    def work(self, broker):
        threads = [threading.Thread(target=self.add_users, args=(broker,)) for _ in range(CLIENTS)]
        threads.append(threading.Thread(target=self.roam, args=(broker,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        broker.result()

    def add_users(self, broker):
        connection = UnixConnection(broker.socket, WAIT_LIMIT_S)
        while True:
            with self.lock:
                self.number += 1
                name = f"user-{self.number}"
                self.asked.add(name)
            try:
                connection.request("POST", "/v1/users", f'{{"name": "{name}", "kind": "person"}}',
                                   {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, ValueError, ConnectionError, EOFError):
                break
            except Exception:  # http.client has many exceptions for a closed connection
                break
            if answer.status < 300:
                with self.lock:
                    self.added.add(name)
        connection.close()

    def roam(self, broker):
        terminals = [Terminal(self.fixture, name) for name in ("icu-07", "icu-08")]
        try:
            for terminal in terminals:
                terminal.enter()
            while True:
                for terminal in terminals:
                    self.epoch_rises(terminal.sign_on("anna"))
                    terminal.viewer("active")
        except (Gone, TimeoutError):
            pass
        except Refused as no:
            if broker.alive():
                self.refusal = no
        for terminal in terminals:
            terminal.close()

    def epoch_rises(self, shown):
        with self.lock:
            self.sign_ons += 1
            if shown["epoch"] <= self.epoch:
                self.lost += 1
            self.epoch = shown["epoch"]

    # ---- after the kill ----

    def violations(self):
        """In the database itself, before a broker opens it again."""
        database = sqlite3.connect(f"file:{self.data}/berth.db", uri=True)
        names = {row[0] for row in database.execute("SELECT name FROM users WHERE name GLOB 'user-*'")}
        epoch = database.execute("SELECT coalesce(max(epoch), 0) FROM slots").fetchone()[0]
        database.close()
        missing, phantom = self.added - names, names - self.asked
        self.lost += len(missing)
        found = [f"{len(missing)} acknowledged users are gone, such as {min(missing)}"] if missing else []
        if phantom:
            found.append(f"{len(phantom)} users that were never added, such as {min(phantom)}")
        if epoch < self.epoch:
            found.append(f"epoch {self.epoch} was given out, the store knows {epoch}")
        return found

    def acknowledged(self):
        return len(self.added) + self.sign_ons

    def close(self):
        self.fixture.discard(self.data)

"""scenario - the life-cycle scenario, what the broker acknowledged meanwhile, and whether a later broker keeps it.

A change is promised once it was acknowledged; one that was refused must have no effect; one whose answer was lost may
count either way. Facts holds, for everything the scenario touches, the set of values that are right at this moment.
"""
import os
import sqlite3
import subprocess
import time

from terminal import Terminal
from fixture import WAIT_LIMIT_S, POOL, Gone, Refused, wait_until

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/image/domain.xml")
# When a person leaves, the screen goes dark at once, before the decision is on disk.
EITHER = frozenset({"dark", "lit"})
OPEN = ("preparing", "active", "disconnected")


def observe(broker):
    """The broker's answers about all that the scenario may change."""
    seen = {}
    names = {row["id"]: row["name"] for row in broker.rows("terminals")}
    users = {row["id"]: row["name"] for row in broker.rows("users")}
    for row in broker.rows("users"):
        seen[f"user {row['name']}"] = row["title"]
        seen[f"disabled {row['name']}"] = row["disabled"]
        seen[f"session {row['name']}"], seen[f"screen {row['name']}"] = "over", "dark"
    for row in broker.rows("pools"):
        seen[f"pool {row['name']}"] = row["title"]
    for row in broker.rows("terminals"):
        seen[f"terminal {row['name']}"] = row["state"]
    seen["entitlements"] = len(broker.rows("entitlements"))
    for row in broker.rows("sessions"):
        if row["state"] in OPEN:
            user = users[row["user_id"]]
            if seen[f"session {user}"] != "over":
                seen["more than one session of " + user] = row["id"]
            seen[f"session {user}"] = "at " + names[row["terminal_id"]]
            seen[f"screen {user}"] = "dark" if row["state"] == "disconnected" else "lit"
    return seen


class Facts:
    """Key to the set of valid values. A key that is not here must not exist: it would be a phantom."""

    def __init__(self, right):
        self.right = {key: set(values) for key, values in right.items()}
        self.epochs = {}  # desktop to the highest epoch sent to a terminal
        self.acknowledged = 0

    @classmethod
    def at_rest(cls, fixture, data):
        """The facts in a state folder at rest."""
        broker = restart(fixture, data)
        try:
            return cls({key: {value} for key, value in observe(broker).items()})
        finally:
            broker.end()

    def copy(self):
        return Facts(self.right)

    def of(self, key):
        return self.right.get(key, {None})

    def violations(self, broker):
        """Violations as sentences."""
        found = []
        seen = observe(broker)
        for key in sorted(set(self.right) | set(seen)):
            right, value = self.of(key), seen.get(key)
            if key.startswith("screen ") and "lit" in right:
                right = right | {"dark"}  # a screen may go dark by itself
            if value not in right:
                found.append(f"{key}: is {value!r}, must be {' or '.join(sorted(map(repr, right)))}")
        epochs = {row["desktop_id"]: row["epoch"] for row in broker.rows("slots") if row["number"] == 0}
        for desktop, epoch in self.epochs.items():
            if epochs.get(desktop, epoch) < epoch:
                found.append(f"desktop {desktop}: epoch {epochs[desktop]}, but {epoch} was given out")
        if not broker.want("POST", "/v1/audit/verify", {})["holds"]:
            found.append("the audit chain is broken")
        return found


class Scenario:
    """The scenario against a broker that may fail or die at any point."""

    def __init__(self, fixture, broker, facts):
        self.fixture, self.broker, self.facts = fixture, broker, facts
        self.terminals = {}
        self.refused = 0
        self.lost_answers = 0

    # ---- changes ----

    def change(self, effects, action, retries=True):
        """One change with its effects: key to the value it will have (or a set of valid values). Done when acknowledged, or
        when the broker shows all effects afterwards."""
        effects = {key: value if isinstance(value, frozenset) else frozenset({value}) for key, value in effects.items()}
        facts = self.facts
        deadline = time.monotonic() + WAIT_LIMIT_S
        while True:
            before = {key: facts.of(key) for key in effects}
            for key, value in effects.items():
                facts.right[key] = before[key] | value
            try:
                answer = action()
                break
            except Refused as no:
                self.refused += 1
                # A claim that failed half-way is compensated by another decision: the screen is dark, before or now.
                if not any(key.startswith("session ") for key in effects):
                    for key, value in before.items():
                        facts.right[key] = value
                if not retries or time.monotonic() > deadline:
                    raise
                error = no
            except (Gone, TimeoutError) as lost:
                self.lost_answers += 1
                error = lost
            if not self.broker.alive() or time.monotonic() > deadline:
                raise Gone(f"{', '.join(effects)}: {error}")
            if effects and self.has_all(effects):
                answer = None
                break
            time.sleep(0.05)
        for key, value in effects.items():
            facts.right[key] = set(value)
        facts.acknowledged += 1
        return answer

    def has_all(self, effects):
        """After a lost answer: was it done? Unknown until the broker answers."""
        try:
            seen = observe(self.broker)
        except (Gone, Refused):
            return False
        return all(seen.get(key) in value for key, value in effects.items())

    def admin(self, effects, path, body, method="POST"):
        return self.change(effects, lambda: self.broker.want(method, path, body))

    def at(self, name, effects, action):
        """A change that is requested at a terminal; a lost link is opened again first."""
        terminal = self.terminals[name]

        def act():
            if not terminal.socket:
                terminal.enter()
            return action(terminal)
        return self.change(effects, act)

    # ---- the steps ----

    def join_terminal(self, name):
        terminal = self.terminals[name] = Terminal(self.fixture, name)

        def join():
            invitation = self.broker.want("POST", "/v1/invitations", {"terminal": name})["invitation"]
            terminal.join(invitation)
        self.change({f"terminal {name}": "accepted"}, join)
        self.again(terminal.enter)

    def again(self, action):
        """Repeat something that changes nothing durable until it succeeds."""
        deadline = time.monotonic() + WAIT_LIMIT_S
        while True:
            try:
                return action()
            except (Gone, Refused, TimeoutError):
                if not self.broker.alive() or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def sign_on(self, user, name):
        def act(terminal):
            shown = terminal.sign_on(user)
            return shown
        shown = self.at(name, {f"session {user}": f"at {name}", f"screen {user}": "lit"}, act)
        if shown is None:  # the show itself was lost with the link; an agent that announces nothing is asked to sign on
            return self.sign_on(user, name)
        self.note_epoch(user, shown)
        terminal = self.terminals[name]
        self.again(lambda: self.tell_viewer(terminal))
        return shown

    @staticmethod
    def tell_viewer(terminal):
        if not terminal.socket:
            terminal.enter()
        if terminal.shown:
            terminal.viewer("active")

    def note_epoch(self, user, shown):
        for row in self.again(lambda: self.broker.rows("sessions")):
            if row["id"] == shown["session_id"]:
                known = self.facts.epochs.get(row["desktop_id"], 0)
                self.facts.epochs[row["desktop_id"]] = max(known, shown["epoch"])

    def leave(self, user, name, how):
        """Disconnect or sign off; when the answer to the earlier claim was lost with the link, claim again."""
        effects = {f"screen {user}": EITHER}
        if how == "sign_off":
            effects = {f"session {user}": "over", f"screen {user}": "dark"}

        def act(terminal):
            if not terminal.shown:
                terminal.sign_on(user)
            terminal.leave(how)
        self.at(name, effects, act)

    def spares(self):
        try:
            return self.broker.want("GET", f"/v1/pools/{POOL}/status")["spare"]
        except (Gone, Refused):
            if not self.broker.alive():
                raise
            return 0

    def await_spare(self, count=1):
        wait_until(f"{count} spare desktops", lambda: self.spares() >= count)

    def open_pool(self):
        title = "Ward 3"
        self.admin({f"pool {POOL}": title}, "/v1/pools",
                   {"name": POOL, "title": title, "kind": "floating", "image": "desktop", "template": TEMPLATE,
                    "address": "forwarded", "port": 3389, "start_limit_s": 60, "max": 2, "spare": 1,
                    "credential": "passthrough", "release": "refresh"})
        self.admin({"entitlements": 1}, "/v1/entitlements",
                   {"subject_kind": "everyone", "pool": POOL, "effect": "allow", "priority": 10})

    def is_quiet(self):
        """Wait until nothing is under way: no release, no refill."""
        try:
            return not self.broker.want("GET", "/v1/flows")["items"]
        except (Gone, Refused):
            if not self.broker.alive():
                raise
            return False

    def run(self):
        """Run all steps; ends early with Gone when the broker dies."""
        self.open_pool()
        self.join_terminal("icu-07")
        self.join_terminal("icu-08")
        self.await_spare()
        self.sign_on("anna", "icu-07")
        self.sign_on("anna", "icu-08")  # roams
        self.leave("anna", "icu-08", "disconnect")
        self.admin({"user carol": "Carol", "disabled carol": False, "session carol": "over", "screen carol": "dark"},
                   "/v1/users", {"name": "carol", "title": "Carol", "kind": "person"})
        self.sign_on("anna", "icu-07")
        self.lock("icu-07", "anna")
        self.sign_on("anna", "icu-08")
        self.take_off("anna")
        self.sign_on("anna", "icu-07")
        self.backup()
        self.leave("anna", "icu-07", "sign_off")
        self.admin({"disabled bert": True}, "/v1/users/bert", {"disabled": True}, "PATCH")
        self.admin({"terminal icu-08": "revoked"}, "/v1/terminals/icu-08/revoke", {"reason": "test"})
        self.await_spare()
        wait_until("the used desktop was made anew", self.is_quiet)

    def lock(self, name, user):
        """An administrator blanks the screen; the terminal carries it out, and the session is off it."""
        def act(terminal):
            if not terminal.shown:
                terminal.sign_on(user)
            self.broker.want("POST", "/v1/commands/lock", {"terminal": name})
            terminal.await_message("hide")
        self.at(name, {f"screen {user}": EITHER}, act)

    def take_off(self, user):
        """An administrator takes the session off its screen: a decision, durable when it is acknowledged."""
        def act():
            for row in self.broker.rows("sessions"):
                if row["state"] in OPEN and row["state"] != "disconnected":
                    self.broker.want("POST", f"/v1/sessions/{row['id']}/disconnect", {"reason": "test"})
        self.change({f"screen {user}": "dark"}, act)

    def backup(self):
        file = self.broker.data + ".backup"

        def write():
            if os.path.exists(file):
                os.unlink(file)
            self.broker.want("POST", "/v1/backup", {"file": file})
        self.change({}, write)
        if integrity(file) != ["ok"]:
            raise AssertionError("the backup is not sound")


def integrity(file):
    """SQLite's integrity check."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        answer = [row[0] for row in database.execute("PRAGMA integrity_check")]
    database.close()
    return answer


def folder_violations(data):
    """Every database of a state folder at rest."""
    found = []
    for name in ("berth.db", "presence.db", "keys.db"):
        path = os.path.join(data, name)
        if os.path.exists(path):
            answer = integrity(path)
            if answer != ["ok"]:
                found.append(f"{name}: {answer[:3]}")
    return found


def restart(fixture, data, settings=()):
    """A new broker on what a fault left behind, within its recovery window."""
    broker = fixture.start(data, settings={"broker.recovery_s": "60", **dict(settings)})
    if not broker.wait_ready():
        code = broker.result()
        raise AssertionError(f"it does not start again ({code}): {broker.said()}")
    return broker


def history_violations(fixture, file):
    """Violations that berth-check finds in a history, as sentences."""
    checker = os.path.join(fixture.build, "tests/history/berth-check")
    done = subprocess.run([checker, file], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return [f"berth-check ends with {done.returncode}"] + (done.stdout + done.stderr).splitlines()[:6]


def judge(fixture, data, facts, settings=()):
    """Restart after a broker died and check its promises (None: there were none yet); returns the violations as sentences,
    and how long the restart took."""
    before = fixture.libvirt.machines()
    began = time.monotonic()
    try:
        broker = restart(fixture, data, settings)
    except (AssertionError, TimeoutError) as error:
        return [str(error)], 0
    restart_ms = (time.monotonic() - began) * 1000
    try:
        found = facts.violations(broker) if facts else []
        broker.want("POST", "/v1/users", {"name": "afterwards", "kind": "person"})
        after = fixture.libvirt.machines()
        found += [f"machine {name} was touched by the restart" for name, number in before.items()
                  if after.get(name) != number]
        known = {row["name"] for row in broker.rows("desktops")}
        found += [f"machine {name} belongs to no desktop" for name in after if name not in known]
    except (Gone, Refused, TimeoutError) as error:
        found = [f"after the restart: {error!r}; {broker.said()}"]
    ended = broker.end()
    if ended["exit"] or ended["signal"]:
        found.append(f"it does not end well after the restart: {ended}; {broker.said()}")
    return found + folder_violations(data), restart_ms

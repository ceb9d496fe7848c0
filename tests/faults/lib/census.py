"""census - which system calls the scenario makes, and one life with one of them killed or failed."""
import os
import signal
import subprocess

from scenario import Facts, Scenario, history_violations, judge
from fixture import Gone, Refused

# A kill between two reads leaves the same state as a kill at the call before them.
READS = {"read", "readv", "pread64", "recvmsg", "recvfrom", "getsockopt", "getrandom", "mmap", "fcntl", "poll"}

# Exit codes of berthd: success, refused to start, the store failed, out of memory; and of the loader, before berthd begins.
OWN_CODES = (0, 2, 3, 70, 127)


class Census:
    """Runs of the scenario, each from the same prepared folder on an empty hypervisor."""

    def __init__(self, fixture, recorded=False):
        """recorded: each run and the restart after it write a history for berth-check."""
        self.fixture = fixture
        self.recorded = recorded
        self.facts = Facts.at_rest(fixture, fixture.copy(fixture.warm))
        self.inject = os.path.join(fixture.build, "tests/faults/fault-inject")

    def count(self, first=False):
        """Call to how often it is made in a run without a fault, which must succeed."""
        facts, ended, stopped = self.run(first)
        if ended["exit"] or ended["signal"] or stopped:
            raise RuntimeError(f"the scenario fails without any fault: {ended} {stopped}")
        self.promises = facts.acknowledged if facts else 0
        return ended["seen"]

    def run(self, first, *injection, keep=False, environment=None):
        """One run: what it promised, how it ended, and what stopped the scenario early. The folder stays for a judge when
        asked for; first: only a first start on an empty folder."""
        fixture = self.fixture
        fixture.libvirt.fresh()
        self.data = fixture.copy(None if first else fixture.warm)
        facts = self.facts.copy()
        broker = fixture.start(self.data, before=[self.inject, *injection, "--"], environment=environment,
                            settings=self.settings())
        stopped = None
        self.was_ready = False
        try:
            self.was_ready = broker.wait_ready()
            if self.was_ready and not first:
                Scenario(fixture, broker, facts).run()
        except (Gone, Refused, TimeoutError, OSError) as error:
            stopped = error
        try:
            ended = {"hung": False, **broker.end()}
        except TimeoutError:
            self.stacks = stacks_of(broker.pid)
            ended = {**broker.end(signal.SIGKILL), "hung": True}
        self.log = broker.said()
        if not keep:
            fixture.discard(self.data)
        return facts, ended, stopped

    def settings(self):
        return {"broker.history": self.data + ".history"} if self.recorded else {}

    def spoke(self, code):
        """Does the log of the last run say why it ended?"""
        words = {70: "out of memory", 127: "error while loading"}
        return words.get(code, " error ") in self.log

    def violations_after(self, facts, first):
        """Judge what the last run left, then remove the folder."""
        if first:
            facts = None
        found, restart_ms = judge(self.fixture, self.data, facts, self.settings())
        if self.recorded:
            found += history_violations(self.fixture, self.data + ".history")
        self.fixture.discard(self.data)
        return found, restart_ms


def stacks_of(pid):
    """Stacks of all threads of a process that hangs, as far as gdb finds them."""
    try:
        done = subprocess.run(["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 12"], capture_output=True,
                              text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout[-6000:]


def how_it_ended(census, ended, stopped):
    """What a broker must never do, as sentences: crash, hang, end without a message or with an unknown code."""
    if ended["hung"]:
        return [f"it did not end when it was told to: {census.log} {census.stacks}"]
    if ended["signal"]:
        return [f"it crashed with signal {ended['signal']}: {census.log}"]
    if ended["exit"] not in OWN_CODES:
        return [f"exit code {ended['exit']} is none of its own: {census.log}"]
    if ended["exit"] and not census.spoke(ended["exit"]):
        return [f"it ended with {ended['exit']} and said nothing: {census.log}"]
    if stopped and not ended["exit"]:
        return [f"it lived, but did not serve any more: {stopped!r}; {census.log}"]
    return []


def points_of(census, without=frozenset()):
    """(call, n) for each call that was seen, in the order of the table."""
    return [f"{call}:{n}" for call, count in census.items() if call not in without for n in range(1, count + 1)]

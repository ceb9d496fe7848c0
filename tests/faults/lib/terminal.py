"""terminal - a terminal on the real link: mutual TLS, frames, the messages of messages.def."""
import json
import os
import socket
import ssl
import struct
import time

from fixture import PASSWORD, WAIT_LIMIT_S, Gone, Refused


class Terminal:
    """Joins, announces itself, signs people on and off. It repeats nothing by itself: the scenario decides."""

    def __init__(self, fixture, name):
        self.fixture, self.name = fixture, name
        self.certificate = os.path.join(fixture.folder, f"{name}.crt")
        self.key = os.path.join(fixture.folder, f"{name}.key")
        self.socket = None
        self.heard = []
        self.ref = 0
        self.shown = None  # the claim that its viewer shows
        self.presence = ""

    # ---- bytes ----

    def connect(self, port, alpn, with_certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the agent verifies its broker; that is tested elsewhere
        context.set_alpn_protocols([alpn])
        if with_certificate:
            context.load_cert_chain(self.certificate, self.key)
        self.close()
        try:
            plain = socket.create_connection(("127.0.0.1", port), WAIT_LIMIT_S)
            try:
                self.socket = context.wrap_socket(plain)
            except OSError:
                plain.close()
                raise
        except OSError as error:
            raise Gone(f"{self.name} connects: {error}") from error
        self.heard = []

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None

    def say(self, kind, **fields):
        if not self.socket:
            raise Gone(f"{self.name} has no link")
        self.ref += 1
        text = json.dumps({"type": kind, "ref": self.ref, **fields}).encode()
        try:
            self.socket.sendall(struct.pack(">I", len(text)) + text)
        except OSError as error:
            self.close()
            raise Gone(f"{self.name} says {kind}: {error}") from error

    def take(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionResetError("hung up")
            data += piece
        return data

    def hear(self, limit_s):
        """The next message; None: nothing came in time; Gone: the link is lost."""
        if not self.socket:
            raise Gone(f"{self.name} has no link")
        try:
            self.socket.settimeout(limit_s)
            size = struct.unpack(">I", self.take(4))[0]
            return json.loads(self.take(size))
        except TimeoutError:
            return None
        except OSError as error:
            self.close()
            raise Gone(f"{self.name} hears: {error}") from error

    def await_message(self, *kinds, about=None):
        """The next message of these types; others are handled meanwhile. Refused when the broker refuses."""
        deadline = time.monotonic() + WAIT_LIMIT_S
        while True:
            left = deadline - time.monotonic()
            message = self.hear(left) if left > 0 else None
            if message is None:
                raise TimeoutError(f"{self.name}: none of {kinds} within {WAIT_LIMIT_S} s")
            self.heed(message)
            if message["type"] in kinds:
                return message
            if message["type"] == "refused" and about in (None, message["about"]):
                raise Refused(message["code"], message["text"])

    def heed(self, message):
        """What an agent does by itself."""
        if message["type"] == "hide" and self.shown and message["session_id"] == self.shown["session_id"] \
                and message["epoch"] >= self.shown["epoch"]:
            self.shown = None
        elif message["type"] == "profile":
            self.say("profile_applied", version=message["version"])
        elif message["type"] == "command":
            self.say("command_state", command_id=message["command_id"], state="acked", text="")
            if message["kind"] == "lock" and self.shown:
                self.say("disconnect", session_id=self.shown["session_id"], epoch=self.shown["epoch"])
            self.say("command_state", command_id=message["command_id"], state="done", text="done")

    # ---- what terminals do ----

    def join(self, invitation):
        token = invitation.rsplit(":", 1)[1]
        self.connect(self.fixture.join_port, "berth-join/1", False)
        self.say("join", request=self.fixture.requests[self.name], serial=self.name, mac="", model="test",
                 agent_version="0", evidence=[{"kind": "invitation", "value": token}])
        joined = self.await_message("joined")
        with open(self.certificate, "w", encoding="ascii") as file:
            file.write(joined["certificate"])
        self.close()

    def enter(self):
        """Connect and announce, with what its viewer shows."""
        shown = self.shown or {"session_id": 0, "epoch": 0, "connection_id": 0}
        self.connect(self.fixture.link_port, "berth/1", True)
        self.say("announce", boot_id="b", agent_version="0", want_expires_in_ms=0, resume_presence_id=self.presence,
                 session_id=shown["session_id"], session_epoch=shown["epoch"],
                 connection_id=shown["connection_id"], profile_version=0, user_waiting=True)
        self.presence = self.await_message("granted", about="announce")["presence_id"]

    def sign_on(self, user):
        """From the password to the broker's message show."""
        self.say("sign_on", evidence=[{"kind": "password", "name": user, "value": PASSWORD}], pool="")
        shown = self.await_message("show", about="sign_on")
        self.shown = {key: shown[key] for key in ("session_id", "epoch", "connection_id", "port")}
        return self.shown

    def viewer(self, state, claim=None):
        claim = claim or self.shown
        self.say("viewer", session_id=claim["session_id"], epoch=claim["epoch"],
                 connection_id=claim["connection_id"], state=state, exit_code=0, reason="", picture_ms=100)

    def leave(self, how):
        """disconnect or sign_off: done when the broker has confirmed."""
        claim = self.shown
        self.say(how, session_id=claim["session_id"], epoch=claim["epoch"])
        self.await_message("hide", about=how)
        self.viewer("ended", claim)

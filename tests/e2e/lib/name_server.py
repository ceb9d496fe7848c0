#!/usr/bin/env python3
"""A name server that answers every query for a service or a host with itself.

usage: name_server.py ADDRESS FILE

Answers on UDP port 53 of ADDRESS: SRV with a host of its own, A with ADDRESS. FILE gets a line for each question, and
"asked PORT" for whatever comes to port 88 (Kerberos) there, by UDP or TCP.
"""

import selectors
import socket
import struct
import sys

HEADER = 12
SRV, A = 33, 1


def question(packet):
    """Name and type of the first question, and where it ends."""
    labels, at = [], HEADER
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("ascii", "replace"))
        at += 1 + packet[at]
    return ".".join(labels), struct.unpack(">H", packet[at + 1 : at + 3])[0], at + 5


def answer(packet, address):
    name, kind, end = question(packet)
    data = {
        SRV: struct.pack(">HHH", 0, 0, 88) + b"\x03kdc\x00",
        A: socket.inet_aton(address),
    }.get(kind)
    head = packet[:2] + struct.pack(">HHHHH", 0x8580, 1, 1 if data else 0, 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data if data else b""
    return name, head + packet[HEADER:end] + record


def listening(kind, address, port):
    server = socket.socket(socket.AF_INET, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    if kind == socket.SOCK_STREAM:
        server.listen()
    return server


def main(address, path):
    names = listening(socket.SOCK_DGRAM, address, 53)
    wait = selectors.DefaultSelector()
    for server in (names, listening(socket.SOCK_DGRAM, address, 88), listening(socket.SOCK_STREAM, address, 88)):
        wait.register(server, selectors.EVENT_READ)
    with open(path, "a", buffering=1, encoding="utf-8") as told:
        told.write("ready\n")
        while True:
            for key, _ in wait.select():
                server = key.fileobj
                if server.type == socket.SOCK_STREAM:
                    server.accept()[0].close()
                    told.write("asked 88\n")
                    continue
                packet, who = server.recvfrom(8192)
                if server is not names:
                    told.write("asked 88\n")
                    continue
                name, reply = answer(packet, address)
                told.write(name + "\n")
                names.sendto(reply, who)


main(*sys.argv[1:])

"""As much of PostgreSQL's protocol as it takes to log in without a password and ask one question."""

import socket
import struct

USER = "bench"


def startup():
    words = f"user\0{USER}\0database\0bench\0\0".encode()
    return struct.pack("!ii", len(words) + 8, 196608) + words


def until_ready(sock):
    """Reads up to ReadyForQuery; an error is raised as one."""
    held = b""
    while True:
        chunk = sock.recv(65536)
        if not chunk:
            raise ConnectionError("the connection was closed")
        held += chunk
        while len(held) >= 5:
            length = struct.unpack("!i", held[1:5])[0] + 1
            if len(held) < length:
                break
            if held[:1] == b"E":
                raise ConnectionError(held[5:length].replace(b"\0", b" ").decode(errors="replace"))
            if held[:1] == b"Z":
                return
            held = held[length:]


def login(port):
    """A connection that is logged in."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(startup())
    until_ready(sock)
    return sock


def ask(sock, sql="SELECT 1"):
    """Sends one simple query and reads its answer."""
    body = sql.encode() + b"\0"
    sock.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)
    until_ready(sock)


def answers(port):
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]

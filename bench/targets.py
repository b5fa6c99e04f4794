"""PostgreSQL and what stands before it, each started for one row and stopped after it."""

import glob
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import procs
import wire

PASSWORD = "bench"
POOL_SIZE = 20
PGBOUNCER_MIN = (1, 24)
PGBOUNCER_IMAGE = "poolproof/pgbouncer"


def server_program(name):
    """A program of the newest PostgreSQL that is installed."""
    found = shutil.which(name)
    places = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda at: int(at.split("/")[4]))
    if not places and not found:
        raise SystemExit(f"bench: {name} is missing; bench/setup installs it")
    return places[-1] if places else found


class Postgres:
    """A throw-away cluster, without fsync, as it is not what is measured."""

    def __init__(self, folder):
        self.folder, self.port = folder / "cluster", wire.free_port()
        password = folder / "password"
        password.write_text(PASSWORD)
        procs.give(folder)
        procs.give(password)
        subprocess.run([server_program("initdb"), "-D", self.folder, "-U", wire.USER, "-A", "trust",
                        "--pwfile", password, "--no-sync", "-E", "UTF8", "--locale=C"],
                       check=True, stdout=subprocess.DEVNULL, **procs.unprivileged())
        settings = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
            "max_connections": 300, "shared_buffers": "128MB", "fsync": "off",
            "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
            "max_wal_size": "4GB", "checkpoint_timeout": "1h", "ssl": "on",
            "ssl_cert_file": folder / "server.crt", "ssl_key_file": folder / "server.key",
        }
        make_certificate(folder)
        with open(self.folder / "postgresql.conf", "a") as conf:
            conf.writelines(f"{key} = '{value}'\n" for key, value in settings.items())
        self.child = procs.start([server_program("postgres"), "-D", self.folder], folder / "postgres.log")
        procs.wait_for("PostgreSQL", self.accepts, self.child)
        self.run("CREATE DATABASE bench", "postgres")
        self.fill()

    def accepts(self):
        return subprocess.run([server_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False).returncode == 0

    def run(self, sql, database="bench"):
        asked = ["psql", "-qAtX", "-h", "127.0.0.1", "-p", str(self.port), "-U", wire.USER, "-d", database, "-c", sql]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()

    def fill(self):
        subprocess.run([server_program("pgbench"), "-i", "-q", "-s", "10", "-h", "127.0.0.1", "-p", str(self.port),
                        "-U", wire.USER, "bench"], check=True, capture_output=True)

    def version(self):
        return "PostgreSQL " + self.run("SHOW server_version")

    def pids(self):
        return procs.family(self.child.pid)

    def stop(self):
        self.child.send_signal(2)
        procs.stop(self.child)


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-keyout", folder / "server.key",
                    "-out", folder / "server.crt"], check=True, capture_output=True)
    for name in ("server.key", "server.crt"):
        procs.give(folder / name)
    os.chmod(folder / "server.key", 0o600)


def pooler_ini(folder, name, upstream, port, auth, tls, extra):
    """The configuration that every pooler gets; `extra` are keys that only one has."""
    users = folder / "userlist.txt"
    users.write_text(f'"{wire.USER}" "{PASSWORD}"\n')
    settings = {
        "listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "",
        "auth_type": auth, "auth_file": users, "pool_mode": "transaction",
        "default_pool_size": POOL_SIZE, "max_client_conn": 6000, "max_prepared_statements": 200,
        "log_connections": 0, "log_disconnections": 0, "log_stats": 0,
    }
    if tls:
        settings |= {"client_tls_sslmode": "require", "client_tls_key_file": folder / "server.key",
                     "client_tls_cert_file": folder / "server.crt", "client_tls_ca_file": folder / "server.crt",
                     "server_tls_sslmode": "require", "server_tls_ca_file": folder / "server.crt"}
    else:
        settings["server_tls_sslmode"] = "disable"
    lines = [f"[databases]\nbench = host=127.0.0.1 port={upstream.port}\n[pgbouncer]\n"]
    lines += [f"{key} = {value}\n" for key, value in (settings | extra).items()]
    ini = folder / f"{name}.ini"
    ini.write_text("".join(lines))
    for path in (users, ini):
        procs.give(path)
    return ini


class Direct:
    """PostgreSQL itself."""

    def __init__(self, upstream):
        self.upstream, self.port = upstream, upstream.port

    def pids(self):
        return []

    def stop(self):
        pass


class Pooler:
    """A process of this machine that reads a pgbouncer.ini."""

    def __init__(self, name, program, folder, upstream, auth="trust", tls=False, extra=None):
        self.port = wire.free_port()
        ini = pooler_ini(folder, name, upstream, self.port, auth, tls, extra or {})
        self.child = procs.start([program, ini], folder / f"{name}.log")
        procs.wait_for(name, lambda: wire.answers(self.port), self.child)

    def pids(self):
        return [self.child.pid]

    def stop(self):
        procs.stop(self.child)


class Container:
    """PgBouncer of a newer Debian, on the host's network and without the system call filter that
    only containers have: it is to cost what it costs as a process of the machine."""

    def __init__(self, name, folder, upstream, auth="trust", tls=False):
        self.port = wire.free_port()
        ini = pooler_ini(folder, name, upstream, self.port, auth, tls, {})
        owner = os.stat(ini)
        run = ["docker", "run", "-d", "--rm", "--network", "host", "--security-opt", "seccomp=unconfined",
               "--ulimit", "nofile=20000:20000", "--user", f"{owner.st_uid}:{owner.st_gid}",
               "-v", f"{folder}:{folder}:ro", "--no-healthcheck", PGBOUNCER_IMAGE, str(ini)]
        self.id = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
        procs.wait_for(name, lambda: wire.answers(self.port))
        inspected = subprocess.run(["docker", "inspect", "-f", "{{.State.Pid}}", self.id],
                                   check=True, capture_output=True, text=True)
        self.pid = int(inspected.stdout)

    def pids(self):
        return [self.pid]

    def stop(self):
        subprocess.run(["docker", "kill", self.id], check=False, capture_output=True)


class HAProxy:
    """A byte pump: what a proxy costs that understands nothing."""

    def __init__(self, folder, upstream):
        self.port = wire.free_port()
        conf = folder / "haproxy.cfg"
        conf.write_text(
            "global\n  maxconn 7000\n"
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 10m\n  timeout server 10m\n"
            f"listen bench\n  bind 127.0.0.1:{self.port}\n  server one 127.0.0.1:{upstream.port}\n")
        procs.give(conf)
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        if not os.path.exists(program):
            raise SystemExit("bench: haproxy is missing; bench/setup installs it")
        self.child = procs.start([program, "-db", "-f", conf], folder / "haproxy.log")
        procs.wait_for("HAProxy", lambda: wire.answers(self.port), self.child)

    def pids(self):
        return [self.child.pid]

    def stop(self):
        procs.stop(self.child)


def version_of(words):
    found = re.search(r"(\d+)\.(\d+)", words)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def find_pgbouncer():
    """How PgBouncer is to be started, and in which version: the machine's own if it is new enough,
    else the image's; an older one is better than none, and said loudly."""
    program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
    own = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout if program else ""
    if own and version_of(own) >= PGBOUNCER_MIN:
        return "program", program, own.splitlines()[0]
    if shutil.which("docker"):
        asked = ["docker", "run", "--rm", "--no-healthcheck", PGBOUNCER_IMAGE, "-V"]
        shown = subprocess.run(asked, capture_output=True, text=True, check=False)
        if shown.returncode == 0:
            return "image", PGBOUNCER_IMAGE, shown.stdout.splitlines()[0] + " (Debian trixie, container on the host's network)"
    if not own:
        raise SystemExit("bench: no PgBouncer; bench/setup installs it")
    print(f"bench: WARNING: only {own.splitlines()[0]} was found, the bars are about {PGBOUNCER_MIN[0]}."
          f"{PGBOUNCER_MIN[1]} or newer; `make images` builds one", file=sys.stderr)
    return "program", program, own.splitlines()[0] + " (OLDER THAN THE BARS ARE ABOUT)"


def start_pgbouncer(how, folder, upstream, auth, tls):
    kind, program, _ = how
    if kind == "image":
        return Container("pgbouncer", folder, upstream, auth, tls)
    return Pooler("pgbouncer", program, folder, upstream, auth, tls)

"""PostgreSQL, and a Dask scheduler with its workers, in processes that tests can kill and start again."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.runs import wait_for

PROJECT = Path(__file__).parents[2]


def postgres_folder() -> Path | None:
    """Return the folder of PostgreSQL's programs: Debian's, or one on the PATH. None if it is not installed."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.environ["PATH"].split(os.pathsep))]
    programs = "initdb", "pg_ctl", "createdb"
    return next((folder for folder in folders if all((folder / program).exists() for program in programs)), None)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Postgres:
    """A database server with an empty data folder."""

    def __init__(self):
        folder = postgres_folder()
        assert folder is not None, "PostgreSQL is not installed"
        self.bin, self.port = folder, free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.run("initdb", "-D", self.folder / "data", "-U", "class", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def run(self, program: str, *arguments: object) -> None:
        log = self.folder.with_suffix(".log")
        with log.open("a") as output:
            command = [str(self.bin / program), *map(str, arguments)]
            done = subprocess.run(command, user=self.user, cwd="/", stdout=output, stderr=output)
        assert done.returncode == 0, log.read_text()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = self.folder / "log"
        self.run("pg_ctl", "-D", self.folder / "data", "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def new_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        self.run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "class", name)
        return f"postgresql://class@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)
        self.folder.with_suffix(".log").unlink()


def documented_commands(file: str) -> dict[str, list[str]]:
    """Return the arguments of "python -m dask scheduler" and "... worker" as a file documents them, by these names."""
    found = re.findall(r"python -m dask (scheduler|worker)(.*)", (PROJECT / file).read_text())
    return {name: shlex.split(arguments) for name, arguments in found}


class Cluster:
    """A Dask scheduler and its workers, started with the commands in docs/deployment.md."""

    def __init__(self, data_dir: Path):
        self.port, self.environment = free_port(), {**os.environ, "DATA_DIR": str(data_dir)}
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.log = (data_dir / "cluster.log").open("w")
        self.start()

    def start(self) -> None:
        ours = {"8786": str(self.port), "tcp://SCHEDULER:8786": self.address, "127.0.0.1:8787": "127.0.0.1:0"}
        commands = documented_commands("docs/deployment.md")
        self.processes = [
            self.dask(name, "--host", "127.0.0.1", *(ours.get(argument, argument) for argument in commands[name]))
            for name in ("scheduler", "worker")
        ]

    def dask(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            cwd=PROJECT,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def kill(self) -> None:
        """Kill all processes and their children at once."""
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        self.kill()
        wait_for(lambda: all(process.poll() is not None for process in self.processes))
        self.log.close()

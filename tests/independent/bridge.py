"""A bridge as a process, configured as an operator does it."""

import contextlib
import ctypes
import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import programs

CONFIGURATION = """
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
public_url = "{url}"
[kafka]
bootstrap_servers = "{kafka}"
replication_factor = 1
min_insync_replicas = 1
[registry]
url = "{registry}"
[[applications]]
id = "{id}"
prefix = "{prefix}"
private_key_file = "{application}/application-key.xml"
certificate_files = ["{application}/signing-certificate.pem"]
"""
ATTEMPTS = 300
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Bridge:
    """A running bridge."""

    url: str
    prefix: str
    log: Path


@contextlib.contextmanager
def running(kafka, registry, application, prefix, folder):
    """A bridge that serves `application`'s tenants; it ends with the block, and with this process however that ends."""
    port, admin_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}/MirroringClientService.svc"
    config, log = folder / "mirrorbus.toml", folder / "mirrorbus.log"
    application_id = json.loads((application / "application.json").read_text())["id"]
    config.write_text(
        CONFIGURATION.format(
            port=port,
            admin_port=admin_port,
            url=url,
            kafka=kafka,
            registry=registry,
            id=application_id,
            prefix=prefix,
            application=application,
        )
    )
    command = [programs.path("mirrorbus"), "serve", "--config", config]
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, preexec_fn=end_with_parent)
    try:
        wait_until_live(process, f"http://127.0.0.1:{admin_port}/livez", log)
        yield Bridge(url, prefix, log)
        assert process.poll() is None, f"the bridge ended before it was asked to:\n{log.read_text()}"
        process.terminate()
        status = process.wait(60)
        assert status == 0, f"the bridge ended with {status}:\n{log.read_text()}"
    finally:
        process.kill()
        process.wait()


def end_with_parent():
    """In the child before its program: the kernel kills it when this process dies. Linux only; elsewhere `running`
    ends it unless this process is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until_live(process, url, log):
    for _ in range(ATTEMPTS):
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(0.1)
            raise AssertionError(f"the bridge ended with {status}:\n{log.read_text()}")
    raise AssertionError(f"the bridge does not answer:\n{log.read_text()}")


def free_port():
    """A port that nobody had a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]

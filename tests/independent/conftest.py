"""What the tests stand on: the services that the environment names, one application, one bridge, and names of their
own for each test, so that many can run at once on one cluster."""

import os
import secrets
import signal
from types import SimpleNamespace

import pytest

import bridge as bridges
import programs
from source import Center
from topics import Topics

VARIABLES = ("MIRRORBUS_TEST_KAFKA", "MIRRORBUS_TEST_REGISTRY")


def pytest_configure():
    unset = [name for name in VARIABLES if not os.environ.get(name)]
    if unset:
        raise pytest.UsageError(
            f"{' and '.join(unset)} not set: run `make check-python`, or "
            "`cargo run -p services -- run --registry memory -- tests/independent/run`"
        )
    if programs.missing():
        raise pytest.UsageError(f"not built: {', '.join(programs.missing())}: run `make build`")
    # A signal to end is a Ctrl-C: everything that was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def services():
    kafka, registry = (os.environ[name] for name in VARIABLES)
    return SimpleNamespace(kafka=kafka, registry=registry)


@pytest.fixture(scope="session")
def center(tmp_path_factory):
    """An Operations Center with one registered application."""
    return Center.new(tmp_path_factory.mktemp("center"))


@pytest.fixture(scope="session")
def bridge(services, center, tmp_path_factory):
    prefix = f"t{secrets.token_hex(4)}"
    folder = tmp_path_factory.mktemp("bridge")
    with bridges.running(services.kafka, services.registry, center.application_folder, prefix, folder) as running:
        yield running


@pytest.fixture(scope="session")
def topics(services, bridge):
    return Topics(services.kafka, services.registry, bridge.prefix)


@pytest.fixture
def tenant():
    """A name that no other test has."""
    return f"Cust{secrets.randbelow(10**9)}"

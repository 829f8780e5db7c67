"""What docs/deploy shows: units and manifests say what the programs take, and modules meet where they say.

The commands of the files are run as they stand there, but for their paths, ports and the names of machines.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
sys.path.append(str(ROOT / "tests" / "nats"))

from ixt_sdk import CallError, StreamErrorCode  # noqa: E402
from ixt_sdk.blocking import BlockingClient  # noqa: E402
from nats_server import HOST, free_port, program, until  # noqa: E402

IXT = os.environ.get("IXT") or str(
    Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release" / "ixt"
)
#: Made by whoever deploys, as nats.yaml says.
FROM_OUTSIDE = {"nats-tls"}
PASSWORDS = {
    "IXT_PASSWORD_GATEWAY": "of-gateway",
    "IXT_PASSWORD_THUMBS": "of-thumbs",
}


def documents() -> list[dict[str, Any]]:
    """Every object of every manifest."""
    return [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]


def named(kind: str, name: str) -> dict[str, Any]:
    """One of them."""
    return next(
        one for one in documents() if one["kind"] == kind and one["metadata"]["name"] == name
    )


def pods() -> list[tuple[str, dict[str, Any]]]:
    """Each workload that has pods, with its name."""
    return [
        (one["metadata"]["name"], one) for one in documents() if "template" in one.get("spec", ())
    ]


def containers(workload: dict[str, Any]) -> list[dict[str, Any]]:
    spec = workload["spec"]["template"]["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


def host_commands() -> dict[str, list[str]]:
    """Every command of the files that starts a host."""
    found = {}
    for path in UNITS:
        for line in path.read_text().splitlines():
            if line.startswith("ExecStart=") and "ixt host" in line:
                found[path.name] = shlex.split(line.removeprefix("ExecStart="))
    for name, workload in pods():
        for container in containers(workload):
            if container.get("command", [""])[:2] == ["ixt", "host"]:
                found[name] = container["command"]
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    text, there = re.subn(
        r"^(ExecStart|ExecReload)=\S+",
        rf"\1={sys.executable}",
        unit.read_text(),
        flags=re.MULTILINE,
    )
    assert there
    copied = tmp_path / unit.name
    copied.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copied],
        capture_output=True,
        text=True,
        check=False,
    )
    # What it does not know is only a line on standard error; those of other units are not ours.
    about = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, about) == (0, [])


def test_every_way_of_deploying_has_a_host_or_nats() -> None:
    assert set(host_commands()) == {"ixt-host.service", "media", "ixt-host"}
    assert {path.name for path in UNITS} == {
        "ixt-host.service",
        "nats-server.service",
        "thumbs.service",
    }


@contextlib.contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=os.environ | environment)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(timeout=20) in (0, -15), command


def answer(client: BlockingClient) -> bytes:
    """Asks until the module is there."""
    end = time.monotonic() + 20
    while True:
        try:
            return client.unary("media.thumbs", b"a picture that is larger than that")
        except CallError as error:
            if error.code != StreamErrorCode.NOT_FOUND or time.monotonic() > end:
                raise
        time.sleep(0.05)


@pytest.mark.parametrize("where", sorted(host_commands()))
def test_modules_meet_at_the_host(where: str, tmp_path: Path) -> None:
    command = host_commands()[where]
    assert Path(command[0]).name == "ixt"
    policy, url = command[command.index("--policy") + 1], command[-1]
    assert (policy, url) == ("/etc/ixt/policy.toml", "unix:///run/ixt/host")
    here = {policy: str(DEPLOY / "policy.toml"), url: f"unix://{tmp_path}/host"}
    at = here[url]
    with (
        running(IXT, *(here.get(word, word) for word in command[1:])),
        running(
            sys.executable, str(DEPLOY / "thumbs.py"), IXT_URL=at, IXT_TOKEN="change-me-thumbs"
        ),
    ):
        until((tmp_path / "host").exists, lambda: "the host does not listen")
        with BlockingClient("gateway", at, token=b"change-me-gateway") as client:
            assert answer(client) == b"a picture that i"
        with (
            pytest.raises(CallError) as refused,
            BlockingClient("gateway", at, token=b"another") as client,
        ):
            client.unary("media.thumbs", b"")
        assert refused.value.code == StreamErrorCode.UNAUTHENTICATED


def certificate(folder: Path) -> Path:
    """Of 127.0.0.1, its own authority: `tls.crt`, `tls.key` and `ca.crt`."""
    subprocess.run(
        shlex.split(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=nats"
            f" -addext subjectAltName=IP:{HOST} -keyout tls.key -out tls.crt"
        ),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    shutil.copy(folder / "tls.crt", folder / "ca.crt")
    return folder / "ca.crt"


def configurations() -> dict[str, tuple[str, str]]:
    """Each configuration of NATS and its permissions."""
    files = named("ConfigMap", "nats")["data"]
    return {
        "nats.conf": (
            (DEPLOY / "nats.conf").read_text(),
            (DEPLOY / "permissions.conf").read_text(),
        ),
        "nats.yaml": (files["nats.conf"], files["permissions.conf"]),
    }


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False


@pytest.mark.parametrize("where", sorted(configurations()))
def test_modules_meet_on_three_servers(where: str, tmp_path: Path) -> None:
    config, permissions = configurations()[where]
    authority = certificate(tmp_path)
    (tmp_path / "permissions.conf").write_text(permissions)
    routes = re.findall(r"nats-route://(\S+:6222)", config)
    assert len(routes) == 3
    ports = {route: free_port() for route in routes}
    for route, port in ports.items():
        config = config.replace(f"//{route}", f"//{HOST}:{port}")
    config = re.sub(r'"/etc/nats(-tls)?/', f'"{tmp_path}/', config)
    config = config.replace("/var/run/nats/nats.pid", f"{tmp_path}/nats.pid")
    with contextlib.ExitStack() as stack:
        clients = []
        for number, port in enumerate(ports.values()):
            client, name = free_port(), f"server-{number}"
            file = tmp_path / f"{name}.conf"
            file.write_text(
                config.replace("0.0.0.0:4222", f"{HOST}:{client}")
                .replace("0.0.0.0:6222", f"{HOST}:{port}")
                .replace("127.0.0.1:8222", f"{HOST}:{free_port()}")
                .replace("0.0.0.0:8222", f"{HOST}:{free_port()}")
            )
            environment = {"NATS_NAME": name, **PASSWORDS}
            subprocess.run(
                [program(), "-c", file, "-t"],
                env=os.environ | environment,
                check=True,
                capture_output=True,
            )
            log = (tmp_path / f"{name}.log").open("wb")
            process = subprocess.Popen(
                [program(), "-c", file], env=os.environ | environment, stdout=log, stderr=log
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            stack.callback(log.close)
            clients.append(client)
        for client in clients:
            until(partial(listens, client), lambda: "a server does not listen")
        stack.enter_context(
            running(
                sys.executable,
                str(DEPLOY / "thumbs.py"),
                IXT_URL=f"nats://thumbs:of-thumbs@{HOST}:{clients[0]}",
                SSL_CERT_FILE=str(authority),
            )
        )
        trusting = ssl.create_default_context(cafile=str(authority))
        last = f"{HOST}:{clients[2]}"
        # Through another server than the module's.
        gateway = BlockingClient("gateway", f"nats://gateway:of-gateway@{last}", ssl=trusting)
        with gateway as caller:
            assert answer(caller) == b"a picture that i"
            with pytest.raises(CallError) as refused:
                caller.unary("logs", b"")
            assert refused.value.code == StreamErrorCode.PERMISSION_DENIED


def test_permissions_are_those_of_the_policy() -> None:
    made = subprocess.run(
        [IXT, "nats-permissions", "docs/deploy/policy.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for where, (_, permissions) in configurations().items():
        assert permissions == made, where


def test_policies_are_the_same() -> None:
    shown = tomllib.loads(named("ConfigMap", "media-policy")["data"]["policy.toml"])
    assert shown == tomllib.loads((DEPLOY / "policy.toml").read_text())


def test_passwords_and_versions() -> None:
    passwords = named("Secret", "nats-passwords")["stringData"]
    for config, permissions in configurations().values():
        wanted = set(re.findall(r"\$(\w+)", re.sub(r"#.*", "", config + permissions)))
        assert wanted == {*passwords, "NATS_NAME"} == {*PASSWORDS, "NATS_NAME"}
    version = re.search(r"^version=(\S+)", (ROOT / "tools/nats.sh").read_text(), re.MULTILINE)
    assert version
    image = containers(named("StatefulSet", "nats"))[0]["image"]
    assert image == f"nats:{version[1]}-alpine"


@pytest.mark.parametrize(("name", "workload"), pods(), ids=[name for name, _ in pods()])
def test_what_a_pod_names_is_there(name: str, workload: dict[str, Any]) -> None:
    spec = workload["spec"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    if workload["kind"] == "StatefulSet":
        service = named("Service", spec["serviceName"])
        assert service["spec"]["selector"] == spec["selector"]["matchLabels"]
        ports = {port["name"]: port["containerPort"] for port in containers(workload)[0]["ports"]}
        assert ports == {port["name"]: port["port"] for port in service["spec"]["ports"]}
    volumes = {volume["name"]: volume for volume in spec["template"]["spec"].get("volumes", ())}
    for volume in volumes.values():
        if "configMap" in volume:
            named("ConfigMap", volume["configMap"]["name"])
        if "secret" in volume and volume["secret"]["secretName"] not in FROM_OUTSIDE:
            named("Secret", volume["secret"]["secretName"])
    used = set()
    for container in containers(workload):
        assert container["image"]
        used |= {mount["name"] for mount in container.get("volumeMounts", ())}
        for source in container.get("envFrom", ()):
            named("Secret", source["secretRef"]["name"])
        for variable in container.get("env", ()):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                assert reference["key"] in named("Secret", reference["name"])["stringData"]
    assert used == set(volumes), name


def test_modules_on_nats_find_the_servers() -> None:
    container = containers(named("Deployment", "thumbs-on-nats"))[0]
    environment = {one["name"]: one.get("value") for one in container["env"]}
    replicas = named("StatefulSet", "nats")["spec"]["replicas"]
    servers = ",".join(f"nats-{number}.nats" for number in range(replicas))
    assert environment["IXT_URL"] == f"nats://thumbs:$(PASSWORD)@{servers}"
    assert container["command"] == ["python3", f"/opt/thumbs/{(DEPLOY / 'thumbs.py').name}"]

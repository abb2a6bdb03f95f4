"""What lies in deploy/ fits the program: commands, options, variables, ports, and how a proxy treats a live stream."""

import configparser
import functools
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from inbox.cli import main
from inbox.config import Config

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
KUBERNETES = sorted(DEPLOY.glob("kubernetes/*.yaml"))
CONFIG = Config()
COMMAND = re.compile(
    r"^ExecStart=\S*/(inbox .*)$|-- (inbox .*)$|^(inbox [a-z].*?)(?:\s+#.*)?$|`(inbox [^`]+)`", re.M)


@functools.cache
def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]


def manifests(kind: str) -> list[dict[str, Any]]:
    return [each for path in KUBERNETES for each in documents(path) if each.get("kind") == kind]


def compose() -> dict[str, Any]:
    (found,) = documents(DEPLOY / "docker" / "compose.yaml")
    return found


def lists_of_words(tree: Any) -> Iterator[list[str]]:
    """Every list in a document that is a command line of ours."""
    if isinstance(tree, dict):
        for each in tree.values():
            yield from lists_of_words(each)
    elif isinstance(tree, list):
        if tree and tree[0] == "inbox":
            yield [str(each) for each in tree]
        for each in tree:
            yield from lists_of_words(each)


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """(where, words) of every `inbox …` that these files and the page about them run or tell to run."""
    for path in [*KUBERNETES, DEPLOY / "docker" / "compose.yaml"]:
        for document in documents(path):
            for words in lists_of_words(document):
                yield path.name, words
    for path in [*FILES, ROOT / "docs" / "how-to" / "scale.md"]:
        text = path.read_text("utf-8")
        for line in COMMAND.findall(text):
            yield path.name, shlex.split(next(filter(None, line)))
        for line in re.findall(r'CMD \[("inbox".*)\]', text):
            yield path.name, shlex.split(line.replace(",", " "))


@pytest.mark.parametrize(("where", "words"), list(command_lines()))
def test_every_command_and_option_exists(where: str, words: list[str]) -> None:
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        found = command.get_command(click.Context(command), rest.pop(0))
        assert found is not None, f"{where}: {words}"
        command = found
    known = {name for each in command.params for name in each.opts}
    assert {each.partition("=")[0] for each in rest if each.startswith("-")} <= known, f"{where}: {words}"


def test_commands_were_found_at_all() -> None:
    found = {words[1] for _, words in command_lines()}
    assert {"web", "worker", "smtp", "upgrade", "init"} <= found


def test_every_variable_is_a_setting() -> None:
    known = {f"INBOX_{each.name.upper()}" for each in fields(Config)}
    for path in [*FILES, ROOT / "docs" / "how-to" / "scale.md"]:
        used = set(re.findall(r"\bINBOX_[A-Z_]+[A-Z]\b", path.read_text("utf-8")))
        assert used <= known, path.name


# --- service manager ----------------------------------------------------------------------------------------------


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, "utf-8")
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_read_and_hardened(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["User"] == "pluginbox" and service["NoNewPrivileges"] == "yes"
    assert (service["ProtectSystem"], service["ProtectHome"]) == ("strict", "yes")
    assert service["CapabilityBoundingSet"] == ("CAP_NET_BIND_SERVICE" if "smtp" in path.name else "")
    assert service["EnvironmentFile"] == "/etc/pluginbox/pluginbox.env"


def test_the_target_holds_units_that_exist() -> None:
    wanted = unit(DEPLOY / "systemd" / "pluginbox.target")["Unit"]["Wants"].split()
    names = {path.name for path in UNITS}
    assert {re.sub(r"@\w+", "@", each) for each in wanted} <= names and len(wanted) == 3


def test_what_systemd_says_of_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        return  # not everywhere; the tests above hold them to the same
    for path in [*UNITS, DEPLOY / "systemd" / "pluginbox.target"]:
        text = path.read_text("utf-8").replace("/opt/pluginbox/bin/inbox", "/bin/true")
        (tmp_path / path.name.replace("@", "@1")).write_text(text)
    names = [f"./{path.name}" for path in sorted(tmp_path.iterdir())]
    done = subprocess.run([program, "verify", *names], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "pluginbox" in line]
    assert ours == []


# --- containers ---------------------------------------------------------------------------------------------------


def test_compose_runs_two_of_each_and_one_set_up() -> None:
    services = compose()["services"]
    assert {name: services[name]["deploy"]["replicas"] for name in ("web", "worker")} == {"web": 2, "worker": 2}
    assert services["smtp"]["ports"] == [f"25:{CONFIG.smtp_port}"]
    for name in ("web", "worker", "smtp"):
        assert services[name]["depends_on"]["setup"]["condition"] == "service_completed_successfully"
        assert services[name]["read_only"] is True and services[name]["volumes"] == ["data:/data"]


def test_the_image_runs_as_nobody_and_looks_after_itself() -> None:
    text = (DEPLOY / "docker" / "Dockerfile").read_text("utf-8")
    last = text[text.rindex("\nFROM "):]
    assert re.search(r"^USER 10001:10001$", last, re.M) and "HEALTHCHECK" in last and "/readyz" in last
    assert text.count("\nFROM ") + text.startswith("FROM ") == 2 and "pip install" not in last
    extras = re.search(r"'\.\[([\w,]+)\]'", text)
    assert extras is not None
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    assert set(extras[1].split(",")) <= set(setup["options.extras_require"])


def test_what_the_image_is_built_from_is_there() -> None:
    for line in (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text("utf-8").split():
        if line.startswith("!"):
            assert (ROOT / line[1:]).exists(), line


def test_images_name_no_registry() -> None:
    images = [each["image"] for each in compose()["services"].values()]
    images += [each["image"] for pod in pods() for each in pod["containers"]]
    images += re.findall(r"^FROM (\S+)", (DEPLOY / "docker" / "Dockerfile").read_text("utf-8"), re.M)
    assert images and not [each for each in images if "/" in each]


def pods() -> list[dict[str, Any]]:
    return [each["spec"]["template"]["spec"] for kind in ("Deployment", "Job") for each in manifests(kind)]


def test_kustomize_names_every_manifest() -> None:
    (listed,) = documents(DEPLOY / "kubernetes" / "kustomization.yaml")
    assert sorted(listed["resources"]) == sorted(path.name for path in KUBERNETES if path.name != "kustomization.yaml")


def test_pods_have_no_more_rights_than_they_need() -> None:
    assert len(pods()) == 4
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
            assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}


def test_selectors_ports_and_names_fit_together() -> None:
    labels = {each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
              for each in manifests("Deployment")}
    ports = {port["name"]: port["containerPort"] for pod in pods() for container in pod["containers"]
             for port in container.get("ports", ())}
    assert ports == {"http": CONFIG.port, "smtp": CONFIG.smtp_port}
    for each in manifests("Deployment"):
        assert each["spec"]["selector"]["matchLabels"] == labels[each["metadata"]["name"]]
        assert each["spec"]["replicas"] >= 2
    for each in manifests("Service"):
        assert each["spec"]["selector"] in labels.values()
        assert all(port["targetPort"] in ports for port in each["spec"]["ports"])
    budgets = [each["spec"]["selector"]["matchLabels"] for each in manifests("PodDisruptionBudget")]
    assert sorted(map(str, budgets)) == sorted(map(str, labels.values()))
    (ingress,) = manifests("Ingress")
    backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend["name"] in {each["metadata"]["name"] for each in manifests("Service")}


def test_probes_ask_what_the_program_answers() -> None:
    paths = {probe["httpGet"]["path"] for pod in pods() for container in pod["containers"]
             for name, probe in container.items() if name.endswith("Probe") and "httpGet" in probe}
    assert paths == {"/readyz", "/healthz"}
    text = (ROOT / "inbox" / "web" / "health.py").read_text("utf-8")
    assert all(f'@blueprint.get("{path}")\n@public' in text for path in paths)


# --- proxies ------------------------------------------------------------------------------------------------------


def test_nginx_lets_live_streams_and_big_mail_through(tmp_path: Path) -> None:
    text = (DEPLOY / "proxy" / "nginx.conf").read_text("utf-8")
    live = re.search(r"location = /live \{(.*?)\}", text, re.S)
    assert live is not None and "proxy_buffering off;" in live[1] and "gzip off;" in live[1]
    most = re.search(r"client_max_body_size (\d+)m;", text)
    assert most is not None and int(most[1]) * 1024**2 > CONFIG.max_message_bytes + 1024**2
    assert "X-Forwarded-For $remote_addr" in text and "$proxy_add_x_forwarded_for" not in text


def test_caddy_lets_live_streams_and_big_mail_through() -> None:
    text = (DEPLOY / "proxy" / "Caddyfile").read_text("utf-8")
    live = text[text.index("handle /live"):text.index("handle {", text.index("handle /live"))]
    assert "flush_interval -1" in live and "encode" not in live
    most = re.search(r"max_size (\d+)MB", text)
    assert most is not None and int(most[1]) * 1_000_000 > CONFIG.max_message_bytes + 1024**2
    assert text.count("{") == text.count("}")

"""docs/fleet.md: what each of its tools says of the snippet that is meant for it."""

import re
import subprocess

import pytest
import yaml

from harness.tree import TREE
from servers import common

TEXT = (TREE / "docs" / "fleet.md").read_text()


def snippets(language):
    found = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    assert found, f"docs/fleet.md has nothing for {language}"
    return found


def takes(*words, text=None, **options):
    done = subprocess.run([str(word) for word in words], input=text, capture_output=True, text=True,
                          check=False, timeout=120, **options)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def folder(run, request):
    return run.make_folder(request.node.name)


def test_every_snippet_is_tried_here():
    """consul-template is in no release of Debian; commands are tried by test_documents.py."""
    known = {"haproxy", "keepalived", "nft", "yaml", "ansible", "puppet", "systemd", "consul", ""}
    fences = re.findall(r"^```([a-z]*)$", TEXT, re.MULTILINE)
    assert set(fences[::2]) == known and set(fences[1::2]) == {""}


def test_haproxy_takes_its_section(folder):
    file = folder / "haproxy.cfg"
    file.write_text("global\n    maxconn 100\n" + "".join(snippets("haproxy")))
    said = takes(common.program("haproxy", "haproxy"), "-c", "-f", file)
    assert "WARNING" not in said


def test_keepalived_takes_its_section(folder):
    file = folder / "keepalived.conf"
    file.write_text("".join(snippets("keepalived")))
    said = takes("unshare", "--net", common.program("keepalived", "keepalived"), "--config-test",
                 "--check", "--use-file", file)
    assert "Unknown keyword" not in said


def test_nft_takes_the_rules():
    for text in snippets("nft"):
        takes("unshare", "--net", common.program("nft", "nftables"), "-f", "-", text=text)


def test_systemd_takes_the_drop_in(folder):
    unit = folder / "tlsfront.service"
    unit.write_text((TREE / "docs" / "tlsfront.service").read_text().replace(
        "/usr/sbin/tlsfront", "/bin/true"))
    (folder / "tlsfront.service.d").mkdir()
    (folder / "tlsfront.service.d" / "override.conf").write_text("".join(snippets("systemd")))
    said = takes(common.program("systemd-analyze", "systemd", "/usr/bin"), "verify", "--man=no", unit)
    assert "override.conf" not in said


def test_puppet_takes_the_manifest(folder):
    file = folder / "tlsfront.pp"
    file.write_text("".join(snippets("puppet")))
    takes(common.program("puppet", "puppet-agent"), "parser", "validate", file)


# ---- ansible, for real --------------------------------------------------------------------------

@pytest.fixture
def play(folder, binary, pki):
    """Runs the play on this machine, with its files in the folder: (status, what it said)."""
    (folder / "etc").mkdir()
    (folder / "tlsfront").write_text(f'#!/bin/sh\necho "$*" >>{folder}/commands\n'
                                     f'[ "$1" = reload ] || exec {binary} "$@"\n')
    (folder / "tlsfront").chmod(0o755)
    (folder / "mail.pem").write_bytes(pki.mail.chain.read_bytes() + pki.mail.key.read_bytes())
    [text] = snippets("ansible")
    (folder / "play.yml").write_text(
        text.replace("/etc/tlsfront", f"{folder}/etc").replace("tlsfront check", f"{folder}/tlsfront check")
        .replace("command: tlsfront", f"command: {folder}/tlsfront"))

    def run_it(configuration):
        (folder / "tlsfront.conf").write_text(configuration)
        (folder / "commands").unlink(missing_ok=True)
        done = subprocess.run(
            [common.program("ansible-playbook", "ansible-core"), "-i", "fronts,", "-c", "local", "-e",
             "ansible_python_interpreter=/usr/bin/python3", "-l", "fronts", folder / "play.yml"],
            capture_output=True, text=True, check=False, timeout=300,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "LANG": "C.UTF-8",
                 "ANSIBLE_LOCALHOST_WARNING": "0"})
        return done.returncode, done.stdout + done.stderr
    return run_it


def test_ansible_installs_what_check_takes_and_reloads_once(play, folder):
    good = (f"user = nobody\ncertificate mail {{\n chain = {folder}/mail.pem\n key = {folder}/mail.pem\n}}\n"
            'route imaps { listen = ":993" protocol = imap certificate = {mail} upstream = "127.0.0.1:143" }\n')
    status, said = play(good)
    assert status == 0, said
    assert (folder / "etc" / "tlsfront.conf").read_text() == good
    assert (folder / "commands").read_text().splitlines()[-1] == "reload"
    assert (folder / "commands").read_text().count("reload") == 1
    status, said = play("nonsense = 1\n")
    assert status != 0 and "nonsense" in said
    assert (folder / "etc" / "tlsfront.conf").read_text() == good
    assert "reload" not in (folder / "commands").read_text()


# ---- Kubernetes ---------------------------------------------------------------------------------

# What the API knows of the fields that stand here; another one is a mistake of ours.
META = {"name": str, "labels": dict}
PROBE = {"httpGet": {"path": str, "port": str}, "periodSeconds": int, "failureThreshold": int}
CONTAINER = {
    "name": str, "image": str, "args": [str], "readinessProbe": PROBE, "livenessProbe": PROBE,
    "ports": [{"name": str, "containerPort": int}],
    "securityContext": {"allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool,
                        "capabilities": {"drop": [str]}},
    "resources": {"requests": {"cpu": str, "memory": str}, "limits": {"memory": str}},
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool}]}
POD = {
    "terminationGracePeriodSeconds": int, "containers": [CONTAINER],
    "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "runAsGroup": int, "fsGroup": int,
                        "seccompProfile": {"type": str}},
    "volumes": [{"name": str, "configMap": {"name": str}, "emptyDir": {"medium": str},
                 "secret": {"secretName": str, "defaultMode": int}}]}
KINDS = {
    ("v1", "ConfigMap"): {"data": dict},
    ("apps/v1", "Deployment"): {"spec": {
        "replicas": int, "selector": {"matchLabels": dict}, "template": {"metadata": META, "spec": POD},
        "strategy": {"type": str, "rollingUpdate": {"maxUnavailable": int, "maxSurge": int}}}},
    ("v1", "Service"): {"spec": {
        "type": str, "externalTrafficPolicy": str, "selector": dict,
        "ports": [{"name": str, "port": int, "targetPort": str}]}},
    ("cert-manager.io/v1", "Certificate"): {"spec": {
        "secretName": str, "dnsNames": [str], "issuerRef": {"name": str, "kind": str}}},
}


def assert_fits(item, shape, where):
    if isinstance(shape, type):
        assert type(item) is shape, f"{where}: {item!r} is no {shape.__name__}"
    elif isinstance(shape, list):
        assert isinstance(item, list), where
        for n, one in enumerate(item):
            assert_fits(one, shape[0], f"{where}[{n}]")
    else:
        assert isinstance(item, dict) and set(item) <= set(shape), f"{where}: {set(item) - set(shape)}"
        for key, one in item.items():
            assert_fits(one, shape[key], f"{where}.{key}")


@pytest.fixture(scope="module")
def manifests():
    [text] = snippets("yaml")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def pod(manifests):
    return manifests["Deployment"]["spec"]["template"]["spec"]


def test_the_manifests_have_fields_that_there_are(manifests):
    for kind, one in manifests.items():
        shape = KINDS[one["apiVersion"], kind] | {"apiVersion": str, "kind": str, "metadata": META}
        assert_fits(one, shape, kind)


def test_the_manifests_belong_together(manifests, pod):
    [container] = pod["containers"]
    deployment, service = manifests["Deployment"]["spec"], manifests["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert labels == deployment["selector"]["matchLabels"] == service["selector"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert {one["targetPort"] for one in service["ports"]} <= set(ports)
    assert {container[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} <= set(ports)
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes["configuration"]["configMap"]["name"] == manifests["ConfigMap"]["metadata"]["name"]
    assert volumes["mail"]["secret"]["secretName"] == manifests["Certificate"]["spec"]["secretName"]


def seconds(configuration, key):
    return int(re.search(rf"^{key} = (\d+)s$", configuration, re.MULTILINE)[1])


def test_the_pod_has_time_to_drain(manifests, pod):
    text = manifests["ConfigMap"]["data"]["tlsfront.conf"]
    needed = seconds(text, "drain-delay") + seconds(text, "drain-timeout")
    assert needed < pod["terminationGracePeriodSeconds"]
    assert pod["containers"][0]["readinessProbe"]["periodSeconds"] < seconds(text, "drain-delay")


def test_the_pods_configuration_is_accepted_without_root(manifests, pod, folder, binary, pki):
    """By the user and with the files that the manifests give it, the name of the server apart."""
    mounts = {one["mountPath"]: folder / one["name"] for one in pod["containers"][0]["volumeMounts"]}
    owner = (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"])
    text = manifests["ConfigMap"]["data"]["tlsfront.conf"]
    for path, place in mounts.items():
        place.mkdir()
        place.chmod(0o770)
        text = text.replace(f'"{path}/', f'"{place}/')
    files = {"configuration/tlsfront.conf": text.replace("imap.mail.svc.cluster.local", "127.0.0.1").encode(),
             "mail/tls.crt": pki.mail.chain.read_bytes(), "mail/tls.key": pki.mail.key.read_bytes(),
             "ticket/key": b"k" * 48}
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o440)
    takes("chown", "-R", f"0:{owner[1]}", folder)
    said = takes("setpriv", f"--reuid={owner[0]}", f"--regid={owner[1]}", "--clear-groups", "--no-new-privs",
                 binary, "check", "-c", folder / "configuration" / "tlsfront.conf")
    assert " error: " not in said

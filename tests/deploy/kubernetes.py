"""The manifests in deploy/kubernetes: built by kustomize, taken apart, and broken on purpose."""
import base64
import copy
import os
import subprocess

import yaml

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DIRECTORY = os.path.join(ROOT, "deploy", "kubernetes")
OVERLAYS = ("memory", "redis", "sentinel")
WORKLOADS = ("Deployment", "StatefulSet")


def build(kustomize, directory):
    """(documents, warnings) of a kustomization; kustomize is the command, in words."""
    done = subprocess.run([*kustomize, directory], capture_output=True, text=True, timeout=60,
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"{directory}: {done.stderr}")
    documents = list(yaml.safe_load_all(done.stdout))
    for document in documents:
        # Wrapped base64 is what the API reads; the schemas know it in one line only.
        for key, value in (document.get("data") or {}).items():
            if document["kind"] == "Secret":
                document["data"][key] = "".join(value.split())
    return documents, done.stderr


def find(documents, *kinds):
    return [document for document in documents if document["kind"] in kinds]


def workload(documents):
    (found,) = find(documents, *WORKLOADS)
    return found


def pod_of(documents):
    return workload(documents)["spec"]["template"]["spec"]


def container_of(documents):
    (container,) = pod_of(documents)["containers"]
    return container


def settings_of(documents):
    """The environment of the container, as far as the manifests say it."""
    container = container_of(documents)
    names = [source["configMapRef"]["name"] for source in container["envFrom"]]
    settings = {}
    for document in find(documents, "ConfigMap"):
        if document["metadata"]["name"] in names:
            settings.update(document["data"])
    for variable in container["env"]:
        settings[variable["name"]] = variable.get("value", "proctrackd-0")
    return settings


def secret_files(documents):
    """{path in the container: text} of what its secrets hold."""
    files = {}
    volumes = {volume["name"]: volume for volume in pod_of(documents)["volumes"]}
    secrets = {secret["metadata"]["name"]: secret.get("data") or {}
               for secret in find(documents, "Secret")}
    for mount in container_of(documents)["volumeMounts"]:
        volume = volumes.get(mount["name"], {})
        if "secret" in volume:
            for name, data in secrets[volume["secret"]["secretName"]].items():
                files[os.path.join(mount["mountPath"], name)] = base64.b64decode(data).decode()
    return files


# --- what must be refused ------------------------------------------------------------------------

def privileged(documents):
    container_of(documents)["securityContext"]["privileged"] = True


def maybe_root(documents):
    del pod_of(documents)["securityContext"]["runAsNonRoot"]
    del container_of(documents)["securityContext"]["runAsNonRoot"]


def root_user(documents):
    pod_of(documents)["securityContext"]["runAsUser"] = 0


def escalation(documents):
    del container_of(documents)["securityContext"]["allowPrivilegeEscalation"]


def capabilities_kept(documents):
    del container_of(documents)["securityContext"]["capabilities"]


def no_seccomp(documents):
    del pod_of(documents)["securityContext"]["seccompProfile"]


def host_path(documents):
    pod_of(documents)["volumes"].append({"name": "host", "hostPath": {"path": "/"}})


def host_network(documents):
    pod_of(documents)["hostNetwork"] = True


def host_port(documents):
    container_of(documents)["ports"][0]["hostPort"] = 8080


def writable_root(documents):
    container_of(documents)["securityContext"]["readOnlyRootFilesystem"] = False


def latest_image(documents):
    container_of(documents)["image"] = "proctrackd:latest"


def wrong_field(documents):
    container = container_of(documents)
    container["livenesProbe"] = container.pop("livenessProbe")


def missing_field(documents):
    del workload(documents)["spec"]["selector"]


def wrong_type(documents):
    container_of(documents)["ports"][0]["containerPort"] = "http"


def wrong_kind(documents):
    workload(documents)["apiVersion"] = "apps/v9"


def wrong_monitor(documents):
    find(documents, "ServiceMonitor")[0]["spec"]["endpoints"][0]["intervall"] = "15s"


# Each with the rule, or the check, that must see it.
BROKEN = (
    (privileged, "PSS103"), (maybe_root, "PSS203"), (root_user, "PSS204"), (escalation, "PSS202"),
    (capabilities_kept, "PSS206"), (no_seccomp, "PSS205"), (host_path, "PSS105"),
    (host_network, "PSS102"), (host_port, "PSS106"), (writable_root, "KBP102"),
    (latest_image, "KBP001"), (wrong_field, "fields"), (missing_field, "schema"),
    (wrong_type, "schema"), (wrong_kind, "schema"), (wrong_monitor, "fields"))


def broken(overlay, documents):
    """{name: (documents, what must be found)}"""
    sets = {}
    for damage, finding in BROKEN:
        damaged = copy.deepcopy(documents)
        damage(damaged)
        sets[f"{overlay}, {damage.__name__}"] = (damaged, finding)
    return sets

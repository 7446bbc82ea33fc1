#!/usr/bin/python3
"""Checks what deploy/docker and deploy/kubernetes ship; scripts/check_deploy calls it:

    check_deploy.py --modules DIRECTORY --kustomize COMMAND --compose PROGRAM --program PROCTRACKD
    check_deploy.py --modules DIRECTORY --kustomize COMMAND --compose PROGRAM KUSTOMIZATION...

The directory has the packages of package.json. Ends with `N passed, N failed`, or says what is
wrong with the kustomizations that are named.
"""
import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import yaml

import kubernetes
from dockerfile import Dockerfile
from kubernetes import ROOT

HERE = os.path.dirname(os.path.abspath(__file__))
DOCKER = os.path.join(ROOT, "deploy", "docker")
LABELS = ("name", "instance", "version", "component", "part-of", "managed-by")
given = None  # the arguments


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def version():
    return re.search(r"version: '([^']+)'", read("meson.build")).group(1)


def validate(question):
    """{set: findings} of validate.mjs."""
    shutil.copy(os.path.join(HERE, "validate.mjs"), given.modules)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(question, file)
        file.flush()
        done = subprocess.run(["node", "validate.mjs", file.name], cwd=given.modules, text=True,
                              capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        raise AssertionError(f"the validators do not run: {done.stderr}")
    return json.loads(done.stdout)


def check_configuration(environment):
    """What proctrackd says of these settings, and the names that it does not know."""
    done = subprocess.run([given.program, "--check-config"], env=environment, capture_output=True,
                          text=True, timeout=30, check=False)
    known = subprocess.run([given.program, "--help"], env={}, capture_output=True, text=True,
                           timeout=30, check=True).stdout
    unknown = [name for name in environment if not re.search(
        rf"--{re.sub('_FILE$', '', name).lower().replace('_', '-')}\b", known)]
    return done.returncode, done.stdout + done.stderr, unknown


class Readme(unittest.TestCase):
    """The chapter of README.md."""

    @classmethod
    def setUpClass(cls):
        cls.chapter = re.search(r"(?ms)^## Containers and Kubernetes$(.*?)^## ",
                                read("README.md")).group(1)

    def test_the_example_passes(self):
        (text,) = re.findall(r"(?ms)^```yaml\n(.*?)^```$", self.chapter)
        with tempfile.TemporaryDirectory() as holder:
            os.symlink(ROOT, os.path.join(holder, "proctrackd"))
            mine = os.path.join(holder, "production")
            os.mkdir(mine)
            for name, content in (("kustomization.yaml", text),
                                  ("redis-url", "rediss://proctrack:password@redis.example/0\n")):
                with open(os.path.join(mine, name), "w", encoding="utf-8") as file:
                    file.write(content)
            documents, warnings = kubernetes.build(given.kustomize, mine)
        self.assertEqual(warnings, "")
        self.assertEqual(validate({"manifests": {"mine": documents}})["mine"], [])
        self.assertEqual(kubernetes.find(documents, "ServiceMonitor"), [])
        self.assertEqual(kubernetes.container_of(documents)["image"],
                         f"registry.example/team/proctrackd:{version()}")
        self.assertTrue(kubernetes.settings_of(documents)["CORS_ALLOW_ORIGINS"])
        self.assertEqual(list(kubernetes.secret_files(documents)),
                         [kubernetes.settings_of(documents)["REDIS_URL_FILE"]])

    def test_what_it_names_is_there(self):
        paths = set(re.findall(r"\b(?:deploy|scripts)/[\w./-]*\w", self.chapter))
        self.assertGreater(len(paths), 5)
        for path in paths:
            self.assertTrue(os.path.exists(os.path.join(ROOT, path)), path)

    def test_dockerfile_lints(self):
        (text,) = re.findall(r"(?ms)^```dockerfile\n(.*?)^```$", self.chapter)
        self.assertEqual(validate({"dockerfiles": {"mine": text}})["mine"], [])


class Kubernetes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        built = {name: kubernetes.build(given.kustomize,
                                        os.path.join(kubernetes.DIRECTORY, "overlays", name))
                 for name in kubernetes.OVERLAYS}
        cls.sets = {name: documents for name, (documents, _) in built.items()}
        cls.warnings = {name: warnings for name, (_, warnings) in built.items()}
        cls.broken = {}
        for name in ("memory", "redis"):  # a StatefulSet, a Deployment
            cls.broken.update(kubernetes.broken(name, cls.sets[name]))
        manifests = {name: documents for name, (documents, _) in cls.broken.items()}
        cls.findings = validate({"manifests": {**cls.sets, **manifests}})

    def test_kustomize_has_nothing_to_complain_of(self):
        self.assertEqual(self.warnings, {name: "" for name in kubernetes.OVERLAYS})

    def test_schemas_and_restricted_profile(self):
        for name, documents in self.sets.items():
            with self.subTest(overlay=name):
                self.assertGreater(len(documents), 5)
                self.assertEqual(self.findings[name], [])

    def test_validators_bite(self):
        for name, (_, finding) in self.broken.items():
            with self.subTest(damage=name):
                self.assertTrue(any(found.startswith(finding) for found in self.findings[name]),
                                f"{finding} not in {self.findings[name]}")

    def test_what_each_overlay_consists_of(self):
        kinds = {name: {document["kind"] for document in documents}
                 for name, documents in self.sets.items()}
        common = {"ConfigMap", "Secret", "Service", "NetworkPolicy", "ServiceMonitor"}
        scaled = {"Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
        self.assertEqual(kinds["memory"], common | {"StatefulSet"})
        self.assertEqual(kinds["redis"], common | scaled)
        self.assertEqual(kinds["sentinel"], common | scaled)

    def test_memory_is_one_pod_with_a_volume(self):
        documents = self.sets["memory"]
        spec = kubernetes.workload(documents)["spec"]
        self.assertEqual(spec["replicas"], 1)
        (claim,) = spec["volumeClaimTemplates"]
        (place,) = [mount["mountPath"] for mount in
                    kubernetes.container_of(documents)["volumeMounts"]
                    if mount["name"] == claim["metadata"]["name"]]
        self.assertEqual(place, kubernetes.settings_of(documents)["DATA_DIR"])
        self.assertIn(spec["serviceName"], [service["metadata"]["name"] for service in
                                            kubernetes.find(documents, "Service")])

    def test_settings_are_ones_that_the_program_takes(self):
        for name, documents in self.sets.items():
            with self.subTest(overlay=name):
                settings = kubernetes.settings_of(documents)
                with tempfile.TemporaryDirectory() as holder:
                    for path, text in kubernetes.secret_files(documents).items():
                        local = os.path.join(holder, os.path.basename(path))
                        with open(local, "w", encoding="utf-8") as file:
                            file.write(text)
                        settings = {key: local if value == path else value
                                    for key, value in settings.items()}
                    code, output, unknown = check_configuration(settings)
                self.assertEqual((code, unknown), (0, []), output)
                on_redis = name != "memory"
                for setting in ("ENABLE_REDIS_PERSISTENCE", "REDIS_REQUIRED"):
                    self.assertEqual(settings[setting], str(on_redis).lower())
                self.assertEqual("REDIS_URL_FILE" in settings, on_redis)
        sentinel = self.sets["sentinel"]
        self.assertEqual(kubernetes.settings_of(sentinel)["REDIS_WAIT_REPLICAS"], "1")
        (url,) = kubernetes.secret_files(sentinel).values()
        self.assertTrue(url.startswith("redis+sentinel://"))

    def test_times_agree(self):
        for name, documents in self.sets.items():
            with self.subTest(overlay=name):
                settings, pod = kubernetes.settings_of(documents), kubernetes.pod_of(documents)
                delay = int(settings["SHUTDOWN_DELAY_SECONDS"])
                timeout = int(settings["SHUTDOWN_TIMEOUT_SECONDS"])
                self.assertLess(delay + 10, timeout)  # 10: CANCEL_GRACE_SECONDS
                self.assertLess(timeout, pod["terminationGracePeriodSeconds"])

    def test_probes_ask_the_port_for_operators(self):
        for name, documents in self.sets.items():
            with self.subTest(overlay=name):
                container = kubernetes.container_of(documents)
                settings = kubernetes.settings_of(documents)
                ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
                self.assertEqual(ports, {"http": settings["PORT"], "admin": settings["ADMIN_PORT"]})
                for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"),
                                    ("readinessProbe", "/readyz")):
                    self.assertEqual(container[probe]["httpGet"], {"path": path, "port": "admin"})

    def test_everything_has_the_recommended_labels(self):
        for name, documents in self.sets.items():
            with self.subTest(overlay=name):
                templates = [kubernetes.workload(documents)["spec"]["template"]]
                for document in documents + templates:
                    labels = document["metadata"]["labels"]
                    for label in LABELS:
                        self.assertIn(f"app.kubernetes.io/{label}", labels)
                    self.assertEqual(labels["app.kubernetes.io/version"], version())

    def test_what_selects_finds(self):
        for name, documents in self.sets.items():
            with self.subTest(overlay=name):
                spec = kubernetes.workload(documents)["spec"]
                pod = spec["template"]["metadata"]["labels"].items()
                selectors = [spec["selector"]["matchLabels"]]
                selectors += [service["spec"]["selector"] for service in
                              kubernetes.find(documents, "Service")]
                selectors += [policy["spec"]["podSelector"]["matchLabels"] for policy in
                              kubernetes.find(documents, "NetworkPolicy")]
                selectors += [budget["spec"]["selector"]["matchLabels"] for budget in
                              kubernetes.find(documents, "PodDisruptionBudget")]
                selectors += [constraint["labelSelector"]["matchLabels"] for constraint in
                              spec["template"]["spec"].get("topologySpreadConstraints", [])]
                for selector in selectors:
                    self.assertLessEqual(selector.items(), pod)
                (monitor,) = kubernetes.find(documents, "ServiceMonitor")
                watched = [service for service in kubernetes.find(documents, "Service")
                           if monitor["spec"]["selector"]["matchLabels"].items()
                           <= service["metadata"]["labels"].items()]
                self.assertEqual([service["metadata"]["name"] for service in watched],
                                 ["proctrackd-admin"])
                self.assertIn(monitor["spec"]["endpoints"][0]["port"],
                              [port["name"] for port in watched[0]["spec"]["ports"]])
                for scaler in kubernetes.find(documents, "HorizontalPodAutoscaler"):
                    self.assertEqual(scaler["spec"]["scaleTargetRef"]["name"],
                                     kubernetes.workload(documents)["metadata"]["name"])

    def test_what_the_pod_names_is_there(self):
        for name, documents in self.sets.items():
            with self.subTest(overlay=name):
                pod, container = kubernetes.pod_of(documents), kubernetes.container_of(documents)
                there = {(document["kind"], document["metadata"]["name"]) for document in documents}
                for source in container["envFrom"]:
                    self.assertIn(("ConfigMap", source["configMapRef"]["name"]), there)
                for volume in pod["volumes"]:
                    self.assertIn(("Secret", volume["secret"]["secretName"]), there)

    def test_neighbours_set_no_variables_and_no_token_is_there(self):
        for name, documents in self.sets.items():
            with self.subTest(overlay=name):
                pod = kubernetes.pod_of(documents)
                self.assertIs(pod["enableServiceLinks"], False)
                self.assertIs(pod["automountServiceAccountToken"], False)

    def test_a_changed_setting_rolls_out(self):
        with tempfile.TemporaryDirectory() as holder:
            copy = os.path.join(holder, "kubernetes")
            shutil.copytree(kubernetes.DIRECTORY, copy)
            with open(os.path.join(copy, "base", "settings.env"), "a", encoding="utf-8") as file:
                file.write("MAX_WAITERS=500\n")
            changed, _ = kubernetes.build(given.kustomize, os.path.join(copy, "overlays", "redis"))
        before = kubernetes.container_of(self.sets["redis"])["envFrom"]
        self.assertNotEqual(kubernetes.container_of(changed)["envFrom"], before)


class Docker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = read("deploy", "docker", "Dockerfile")
        cls.dockerfile = Dockerfile(cls.text)

    def test_linter(self):
        broken = self.text.replace("\nENTRYPOINT [", "\nENTRYPIONT [")
        unquoted = self.text.replace("STOPSIGNAL SIGTERM", "STOPSIGNAL")
        findings = validate({"dockerfiles": {"ours": self.text, "broken": broken,
                                             "unquoted": unquoted}})
        self.assertEqual(findings["ours"], [])
        self.assertTrue(findings["broken"])
        self.assertTrue(findings["unquoted"])

    def test_settings_are_ones_that_the_program_takes(self):
        environment = self.dockerfile.stages[-1].environment()
        self.assertEqual(environment["HOST"], "0.0.0.0")
        code, output, unknown = check_configuration(environment)
        self.assertEqual((code, unknown), (0, []), output)

    def test_builds_with_the_packages_that_the_scripts_install(self):
        listed = re.search(r"^build_packages=\(([^)]*)\)", read("scripts", "lib", "common.sh"),
                           re.MULTILINE).group(1).split()
        installed = re.search(r"--no-install-recommends([^&]*)&&",
                              self.dockerfile.stages[0].of("RUN")[0]).group(1).split()
        self.assertEqual(sorted(installed), sorted(listed))

    def test_no_shell_is_needed_and_nobody_is_root(self):
        runtime = self.dockerfile.stages[-1]
        self.assertEqual(runtime.of("USER"), ["65532:65532"])
        for text in runtime.of("ENTRYPOINT") + [runtime.of("HEALTHCHECK")[0].partition("CMD ")[2]]:
            self.assertEqual(json.loads(text)[0], "/usr/local/bin/proctrackd")

    def test_versions_agree(self):
        self.assertIn(f"VERSION={version()}", self.dockerfile.stages[-1].of("ARG"))
        for path in (("deploy", "docker", "compose.yaml"),
                     ("deploy", "kubernetes", "base", "deployment.yaml")):
            self.assertIn(f"image: proctrackd:{version()}\n", read(*path))


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.compose = yaml.safe_load(read("deploy", "docker", "compose.yaml"))
        cls.services = cls.compose["services"]
        cls.instances = [service for name, service in cls.services.items()
                         if name.startswith("proctrackd")]

    @staticmethod
    def config(old="", new=""):
        """What docker-compose makes of the file, with a change."""
        text = read("deploy", "docker", "compose.yaml").replace(old, new, 1)
        return subprocess.run([given.compose, "--file", "-", "config"], cwd=DOCKER, input=text,
                              capture_output=True, text=True, timeout=60, check=False)

    def test_docker_compose_takes_it(self):
        done = self.config()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for old, new in (("depends_on:\n    redis", "depends_on:\n    valkey"),
                         ("redis-data:/data", "lost-data:/data"),
                         ("read_only", "read_onyl"), ("networks: [storage]", "networks: [store]"),
                         ("mem_limit: 512m", "mem_limit: []")):
            with self.subTest(damage=new):
                self.assertNotEqual(self.config(old, new).returncode, 0)

    def test_two_instances_share_one_redis(self):
        environments = [instance["environment"] for instance in self.instances]
        self.assertEqual(len({environment["INSTANCE"] for environment in environments}), 2)
        self.assertEqual({environment["REDIS_URL"] for environment in environments},
                         {"redis://redis:6379/0"})
        for instance in self.instances:
            self.assertEqual(instance["depends_on"]["redis"], {"condition": "service_healthy"})
            code, output, unknown = check_configuration(instance["environment"])
            self.assertEqual((code, unknown), (0, []), output)
            grace = int(instance["stop_grace_period"].rstrip("s"))
            self.assertLess(int(instance["environment"]["SHUTDOWN_TIMEOUT_SECONDS"]), grace)

    def test_what_is_named_is_there(self):
        for name, service in self.services.items():
            for network in service["networks"]:
                self.assertIn(network, self.compose["networks"], name)
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue(os.path.isfile(os.path.join(DOCKER, source)), source)
                else:
                    self.assertIn(source, self.compose["volumes"])
            if "build" in service:
                context = os.path.join(DOCKER, service["build"]["context"])
                self.assertTrue(os.path.isfile(
                    os.path.join(context, service["build"]["dockerfile"])))

    def test_little_is_allowed(self):
        for name, service in self.services.items():
            with self.subTest(service=name):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                self.assertNotIn("privileged", service)
        self.assertIs(self.compose["networks"]["storage"]["internal"], True)
        self.assertEqual(self.services["redis"]["networks"], ["storage"])

    def test_redis_starts_with_this_command(self):
        """As far as a server without a container shows it: the words and the file are taken."""
        if shutil.which("redis-server") is None:
            self.skipTest("no redis-server")
        with tempfile.TemporaryDirectory() as data:
            words = [{"/etc/redis/redis.conf": os.path.join(ROOT, "deploy/redis/redis.conf"),
                      "/data": data}.get(word, word) for word in self.services["redis"]["command"]]
            socket = os.path.join(data, "socket")
            server = subprocess.Popen([*words, "--port", "0", "--unixsocket", socket],
                                      stdout=subprocess.PIPE, text=True)
            impatience = threading.Timer(20, server.kill)
            impatience.start()
            try:
                for line in server.stdout:
                    if "eady to accept connections" in line:
                        break
                config = subprocess.run(
                    ["redis-cli", "-s", socket, "config", "get", "maxmemory-policy", "appendonly",
                     "appendfsync", "hash-max-listpack-value", "protected-mode"],
                    capture_output=True, text=True, timeout=10, check=True).stdout.split()
            finally:
                impatience.cancel()
                server.terminate()
                server.wait(10)
                server.stdout.close()
        values = dict(zip(config[::2], config[1::2]))
        self.assertEqual(values["maxmemory-policy"], "noeviction")
        self.assertEqual((values["appendonly"], values["appendfsync"]), ("yes", "everysec"))
        self.assertGreaterEqual(int(values["hash-max-listpack-value"]), 1024)
        self.assertEqual(values["protected-mode"], "no")


def judge(directories):
    """Prints what the validators have against these kustomizations; the exit code."""
    findings = validate({"manifests": {directory: kubernetes.build(given.kustomize, directory)[0]
                                       for directory in directories}})
    for directory, found in findings.items():
        print(f"{directory}: {'nothing found' if not found else ''}".strip())
        for finding in found:
            print(f"  {finding}")
    return 1 if any(findings.values()) else 0


def main():
    global given
    parser = argparse.ArgumentParser()
    parser.add_argument("--modules", required=True)
    parser.add_argument("--kustomize", required=True, type=shlex.split)
    parser.add_argument("--compose", required=True)
    parser.add_argument("--program")
    parser.add_argument("directories", nargs="*")
    given = parser.parse_args()
    if given.directories:
        return judge(given.directories)
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 0 if result.testsRun and not bad else 1


if __name__ == "__main__":
    sys.exit(main())

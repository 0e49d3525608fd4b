"""deploy/: units that systemd accepts, and containers that have what the settings and the requirements ask for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import BotSettings
from core.settings import Settings
from core.worker import STOPPING_SECONDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = {"nocturne-bot.service": BotSettings, "nocturne-worker.service": Settings}
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()

LINTERS = {
    "hadolint": ["deploy/Dockerfile"],
    "shellcheck": [*sorted(str(file.relative_to(ROOT)) for file in (ROOT / "bin").iterdir()), ".ci/run"],
}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str, folder: Path) -> str:
    """What systemd-analyze says of the units, as if Nocturne lay where it lies here. Fails when it does."""
    for name in UNITS:
        (folder / name).write_text((DEPLOY / name).read_text().replace("/opt/nocturne", str(ROOT)))
    command = ["systemd-analyze", *arguments, *(str(folder / name) for name in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize("linter", LINTERS)
def test_a_linter_has_nothing_to_say(linter: str):
    """Of the Dockerfile by hadolint, of the scripts by shellcheck; both are packages of `make dev`, where there is a
    build of them for the machine."""
    program = shutil.which(linter, path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{linter} is not installed")
    done = subprocess.run([program, *LINTERS[linter]], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


@needs_systemd
def test_systemd_accepts_the_units(tmp_path: Path):
    """Without a warning about either."""
    said = analyze("verify", folder=tmp_path)
    assert not [line for line in said.splitlines() if "nocturne" in line]


@needs_systemd
def test_the_units_may_do_little(tmp_path: Path):
    """systemd puts their exposure at 2 of 10 or less."""
    analyze("security", "--offline=true", "--threshold=20", "--no-pager", folder=tmp_path)


@pytest.mark.parametrize(("unit", "settings"), UNITS.items())
def test_a_unit_sets_what_there_is_to_set(unit: str, settings: type[Settings]):
    """Each variable is a setting, and a stop is given the time that a worker takes for it."""
    text = (DEPLOY / unit).read_text()
    [names] = [re.findall(r"(\w+)=", line) for line in re.findall(r"^Environment=(.*)", text, re.MULTILINE)]
    assert {name.lower() for name in names} <= set(settings.model_fields)
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[1]) > STOPPING_SECONDS
    assert "TOKEN" not in text


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_not_restarted_in_vain(unit: str):
    """After exit code 2, a wrong setting or Discord's permanent refusal, another start would only cost an identify."""
    assert "\nRestartPreventExitStatus=2\n" in (DEPLOY / unit).read_text()


def test_nothing_may_take_all_of_the_memory():
    """Each unit and each container has a limit, and the worker's leaves room beside the model for what plays."""
    for unit in UNITS:
        assert re.search(r"^MemoryMax=\d+[G%]$", (DEPLOY / unit).read_text(), re.MULTILINE)
    limits = {name: int(service["mem_limit"].removesuffix("g")) for name, service in COMPOSE["services"].items()}
    assert limits.keys() == COMPOSE["services"].keys()
    assert limits["worker"] > 2 * COMPOSE["services"]["worker"]["environment"]["MEMORY_LIMIT"] / 1024


def test_the_token_is_for_the_bot_alone():
    """No other container gets it, and nothing secret stands in the file."""
    environments = {name: service.get("environment", {}) for name, service in COMPOSE["services"].items()}
    assert [name for name, environment in environments.items() if "DISCORD_TOKEN" in environment] == ["bot"]
    for name, environment in environments.items():
        secrets = [value for key, value in environment.items() if re.search("TOKEN|PASSWORD|URL", key)]
        assert secrets, name
        assert all(re.search(r"\$\{\w+:\?", value) for value in secrets), name


def test_containers_set_what_there_is_to_set():
    """Each variable of bot and worker is a setting, here and in the Dockerfile."""
    for name, settings in ("bot", BotSettings), ("worker", Settings):
        assert {key.lower() for key in COMPOSE["services"][name]["environment"]} <= set(settings.model_fields)
    assert re.findall(r"(DATA_DIR|SPAWN_WORKER)=(\S+)", DOCKERFILE) == [
        ("DATA_DIR", "/data"),
        ("SPAWN_WORKER", "false"),
    ]


def test_containers_are_of_a_known_version():
    """Every image has a tag that says which, and no `latest`."""
    images = [service["image"] for service in COMPOSE["services"].values() if "image" in service]
    stages = re.findall(r" AS ([\w-]+)$", DOCKERFILE, re.MULTILINE)
    images += [image for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if image not in stages]
    assert len(images) == 2
    assert all(re.search(r":\d", image) for image in images)
    for service in COMPOSE["services"].values():
        assert "image" in service or service["build"]["target"] in stages


def test_a_worker_finds_its_jobs_after_it_was_made_anew():
    """Its folder, which has to last, says what it left unfinished; and it is given the time to finish."""
    worker = COMPOSE["services"]["worker"]
    assert worker["hostname"]
    assert worker["volumes"] == [f"{worker['hostname']}:/data"]
    assert worker["hostname"] in COMPOSE["volumes"]
    assert int(worker["stop_grace_period"].removesuffix("s")) > STOPPING_SECONDS


def test_images_are_made_of_what_is_pinned():
    """The images install requirements that are there, each set once and by hash, and run as nobody in particular."""
    files = re.findall(r"--requirement (\S+)", DOCKERFILE)
    assert files == ["requirements/bot.txt", "requirements/worker.txt", "requirements/gpu.txt"]
    assert all((ROOT / file).is_file() for file in files)
    assert DOCKERFILE.count("--require-hashes") == len(files)
    [user] = re.findall(r"^RUN useradd .*--uid (\d+)", DOCKERFILE, re.MULTILINE)
    last_user: dict[str, str] = {}
    for base, name, steps in re.findall(
        r"^FROM (\S+) AS (\S+)$(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL
    ):
        last_user[name] = [last_user.get(base, "0"), *re.findall(r"^USER (\d+)$", steps, re.MULTILINE)][-1]
        assert "CMD" not in steps or last_user[name] == user, name


def test_the_worker_of_a_gpu_composes_by_the_backend_that_is_installed():
    """The image with JAX's packages for CUDA names JAX as Keras's backend, which would be TensorFlow otherwise."""
    [steps] = re.findall(r"^FROM worker AS gpu-worker$(.*?)^FROM ", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert "requirements/gpu.txt" in steps
    assert "ENV KERAS_BACKEND=jax\n" in steps


def test_packages_are_copied_between_images_of_one_python():
    """The folder that the image for one machine takes from the bot's is that of the Python they are built on."""
    assert len(re.findall(r"^COPY --from=bot ", DOCKERFILE, re.MULTILINE)) == 2
    assert len(set(re.findall(r"python:?(3\.\d+)", DOCKERFILE))) == 1

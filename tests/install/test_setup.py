"""What a stranger meets first: bin/setup, bin/run, the Makefile and the settings' example."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from dotenv import dotenv_values
from honcho.environ import parse_procfile

from bot.services import PERMISSIONS
from bot.settings import BotSettings
from core.settings import SOUNDFONTS
from tests.install.test_requirements import SETS

ROOT = Path(__file__).parents[2]
TARGETS = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()


def test_the_example_names_every_setting():
    """.env.example has each setting in one line, and each line, uncommented, gives the setting a value."""
    lines = [line[1:] for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"#\w+=", line)]
    values = dotenv_values(stream=StringIO("\n".join(lines)))
    assert sorted(values) == sorted(name.upper() for name in BotSettings.model_fields)
    assert all(value and "#" not in value and " " not in value for value in values.values())
    assert all("; without it " in line for line in lines)


def test_the_example_sets_nothing_until_edited():
    """A copy of .env.example leaves every setting as it was."""
    assert not dotenv_values(ROOT / ".env.example")


def test_the_procfile_starts_bot_and_worker_apart():
    """honcho starts one bot, which spawns no worker of its own, and one worker."""
    processes = parse_procfile((ROOT / "Procfile").read_text()).processes
    assert processes == {
        "bot": "SPAWN_WORKER=false .venv/bin/python -m bot",
        "worker": ".venv/bin/python -m core.worker",
    }


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows(target):
    """`make help` names every target of the Makefile, and make can plan it."""
    make = ["make", "--no-print-directory", "-C", str(ROOT)]
    assert f"make {target} " in subprocess.check_output([*make, "help"], text=True)
    subprocess.run([*make, "--dry-run", target], check=True, capture_output=True)


def test_setup_looks_for_the_soundfont_where_the_settings_do():
    """The list in bin/setup is the one of core/settings.py."""
    listed = re.search(r"^SOUNDFONTS=\((.*?)^\)", (ROOT / "bin/setup").read_text(), re.MULTILINE | re.DOTALL)
    assert re.findall(r"^ +(/\S+)", listed[1], re.MULTILINE) == [str(path) for path in SOUNDFONTS]


class Machine:
    """A copy of the project's outside in a folder, and a PATH that holds nothing but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.root, self.path = folder / "nocturne", folder / "path"
        for part in ("bin", "requirements"):
            shutil.copytree(ROOT / part, self.root / part)
        shutil.copy(ROOT / "pyproject.toml", self.root)
        self.path.mkdir()
        for tool in ("bash", "cat", "dirname", "env", "flock", "grep", "mkdir", "rm", "touch"):
            if found := shutil.which(tool):
                (self.path / tool).symlink_to(found)
        self.calls = folder / "calls"
        self.calls.touch()

    def has(self, name: str, body: str = "exit 0", folder: Path | None = None) -> None:
        """Put a command there: its body is a line of shell. Each call is noted."""
        file = (folder or self.path) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.calls}\n{body}\n')
        file.chmod(0o755)

    def has_python(self, version: str = "3.12", folder: Path | None = None) -> None:
        """A Python that says it has this version, runs `-c` as the real one and fails with `-m`."""
        major, minor = version.split(".")
        code = f"import sys; sys.version_info = ({major}, {minor}, 0); exec(sys.argv[1])"
        real = f"exec {sys.executable} -c '{code}' \"$2\""
        body = f"case $1 in --version) echo Python {version}.0;; -c) {real};; *) exit 1;; esac"
        self.has("python3" if folder is None else "python", body, folder)

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "bin" / script, *arguments],
            env={"PATH": str(self.path), **environment},
            capture_output=True,
            text=True,
        )

    def called(self, name: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.startswith(f"{name} ")]


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    machine.has("id", "echo 1000")
    return machine


def test_setup_refuses_another_python(machine):
    """One sentence names the Python that is there and those that are accepted."""
    machine.has_python("3.10")
    done = machine.run("setup", "bot")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Nocturne needs Python 3.11, 3.12 or 3.13, and here is Python 3.10.0.\n"


def test_setup_refuses_a_machine_without_python(machine):
    """One sentence says that there is no Python."""
    assert machine.run("setup", "bot").stderr.endswith("and here is no python3.\n")


def test_setup_asks_for_what_it_may_not_install(machine):
    """An ordinary user gets one sentence with a command for each kind of system, and is asked for no password."""
    machine.has_python()
    machine.has("apt-get")
    machine.has("sudo", "exit 1")
    done = machine.run("setup", "bot", SOUNDFONT="mine.sf2")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Nocturne needs fluidsynth, which" in done.stderr
    for command in ("apt-get install --no-install-recommends fluidsynth'", "dnf install", "pacman -S", "brew install"):
        assert command in done.stderr
    assert machine.called("sudo") == ["sudo -n true"]
    assert not machine.called("apt-get")


def test_setup_installs_what_the_system_lacks(machine):
    """Root gets the missing packages alone; the lists of packages are fetched only after a first try has failed."""
    machine.has_python()
    machine.has("id", "echo 0")
    tried = machine.root / "tried"
    machine.has("apt-get", f"case $* in *install*) [ -e {tried} ] || {{ touch {tried}; exit 100; }};; esac")
    machine.run("setup", "bot", SOUNDFONT="mine.sf2")
    steps = [re.sub(r"--(quiet|option)\S* |DPkg\S+ ", "", call) for call in machine.called("apt-get")]
    install = "apt-get install --yes --no-install-recommends fluidsynth"
    assert steps == [install, "apt-get update", install]


@pytest.mark.parametrize(("sets", "size"), [(["bot"], "0.2 GB"), (["bot", "worker"], "2.2 GB"), (["dev"], "3 GB")])
def test_setup_says_first_what_it_installs_and_how_large_it_is(machine, sets, size):
    """The first line names the system's packages, and the size of the Python packages that follow."""
    machine.has_python()
    machine.has("id", "echo 0")
    machine.has("apt-get")
    first = machine.run("setup", *sets, SOUNDFONT="mine.sf2").stderr.splitlines()[0]
    assert first.startswith(f"Installing fluidsynth, up to 0.3 GB, and then the Python packages, {size}")


def has_installed(machine, *sets: str) -> None:
    """These sets are complete."""
    machine.has("fluidsynth")
    machine.has_python(folder=machine.root / ".venv/bin")
    files = [machine.root / "pyproject.toml", *sorted((machine.root / "requirements").iterdir())]
    key = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    (machine.root / ".venv/installed").write_text(f"{key} {machine.root}\n{' '.join(sets)}\n")


def test_setup_leaves_alone_what_is_complete(machine):
    """Sets that .venv/installed has for these very requirements are not installed again; another set is."""
    has_installed(machine, "tools", "bot")
    done = machine.run("setup", "bot", SOUNDFONT="mine.sf2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "could not be installed" in machine.run("setup", "bot", "worker", SOUNDFONT="mine.sf2").stderr


def test_setup_compiles_the_model_once(machine):
    """With the worker, and again when code of any room that is compiled has changed, but not for another set of
    packages; where it fails, a sentence says so."""
    has_installed(machine, "tools", "bot", "worker")
    rooms = ("article", "native", "performance", "performance/native")
    modules = [machine.root / "core" / room / "module.py" for room in rooms]
    for module in modules:
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text("one")

    def said(*sets: str) -> str:
        done = machine.run("setup", *sets, SOUNDFONT="mine.sf2")
        assert done.returncode == 0
        return done.stderr

    assert said("bot") == ""
    assert "Compiling the model for this processor, about 30 s ...\nThe model could not be" in said("bot", "worker")
    machine.has("python", f'case $1 in -c) exec {sys.executable} "$@";; esac', machine.root / ".venv/bin")
    assert said("bot", "worker").count("\n") == 1
    assert said("bot", "worker") == ""
    for module in modules:
        module.write_text("two")
        assert said("bot", "worker").count("\n") == 1
    has_installed(machine, "tools", "bot", "worker", "dev")
    assert said("bot", "worker") == ""


def test_setup_begins_anew_what_was_cut_off(machine):
    """Of a .venv that was left unfinished, nothing stays."""
    machine.has("fluidsynth")
    machine.has_python()
    half = machine.root / ".venv/lib/half-a-package"
    half.mkdir(parents=True)
    (machine.root / ".venv/unfinished").touch()
    done = machine.run("setup", "bot", SOUNDFONT="mine.sf2")
    assert done.returncode == 1
    assert "'make setup' begins anew" in done.stderr
    assert not half.exists()
    assert (machine.root / ".venv/unfinished").exists()


def without_postgresql(machine):
    """As on a machine that has none, whatever there is on this one."""
    setup = machine.root / "bin/setup"
    text = setup.read_text().replace("/usr/lib/postgresql/", f"{machine.root}/usr/lib/")
    setup.write_text(text.replace("/etc/postgresql-common/", f"{machine.root}/etc/"))
    machine.has("fluidsynth")
    machine.has_python()


def test_setup_offers_postgresql_to_the_tests(machine):
    """Root gets it with `dev` alone, and no server that runs from then on."""
    without_postgresql(machine)
    machine.has("id", "echo 0")
    machine.has("apt-get")
    machine.has("pg_conftool")
    machine.run("setup", "bot", SOUNDFONT="mine.sf2")
    assert not machine.called("apt-get")
    done = machine.run("setup", "dev", SOUNDFONT="mine.sf2")
    assert "Installing postgresql for the tests ..." in done.stderr
    assert "skipped" not in done.stderr
    assert [call.split()[-1] for call in machine.called("apt-get")] == ["postgresql-common", "postgresql"]
    assert [call.split()[2:] for call in machine.called("pg_conftool")] == [
        ["set", "create_main_cluster", "off"],
        ["remove", "create_main_cluster"],
    ]


def test_setup_goes_on_without_postgresql(machine):
    """A user who may not install packages reads in a line what is missing, and how to get it."""
    without_postgresql(machine)
    machine.has("sudo", "exit 1")
    done = machine.run("setup", "dev", SOUNDFONT="mine.sf2")
    assert "PostgreSQL could not be installed from here" in done.stderr
    assert "apt-get install --no-install-recommends postgresql" in done.stderr
    assert "Installing the Python packages" in done.stderr  # the next step, which fails with this machine's Python


@pytest.mark.parametrize(
    ("environment", "env_file", "starts"),
    [
        ({"DISCORD_TOKEN": "abc"}, "", "-m bot"),
        ({}, "LOG_LEVEL=INFO\nDISCORD_TOKEN=abc\n", "-m bot"),
        ({}, "export DISCORD_TOKEN = 'abc'\n", "-m bot"),
        ({}, "", "-m core compose --seed 72 --length 500 --output out"),
        ({"DISCORD_TOKEN": ""}, "DISCORD_TOKEN=\n", "-m core compose --seed 72 --length 500 --output out"),
        ({}, '#DISCORD_TOKEN=abc\nDISCORD_TOKEN="" # later\n', "-m core compose --seed 72 --length 500 --output out"),
    ],
)
def test_run_starts_the_bot_if_there_is_a_token(machine, environment, env_file, starts):
    """The token may be in the environment or in .env; without one a piece is composed, and four lines help on."""
    machine.has("python", folder=machine.root / ".venv/bin")
    (machine.root / ".env").write_text(env_file)
    done = machine.run("run", **environment)
    assert machine.called("python") == [f"python {starts}"]
    lines = done.stdout.split("\n")[1:-1]
    assert (len(lines), "discord.com/developers" in done.stdout) == ((0, False) if starts == "-m bot" else (4, True))


def test_an_image_is_built_where_an_engine_runs(machine):
    """Podman takes the place of a Docker that does not run; the image composes a piece."""
    (machine.root / "deploy").mkdir()
    shutil.copy(ROOT / "deploy/Dockerfile", machine.root / "deploy")
    machine.has("docker", "exit 1")
    machine.has("podman")
    done = machine.run("image")
    assert (done.returncode, done.stderr) == (0, "")
    assert [call.split()[1] for call in machine.called("podman")] == ["info", "pull", "build", "run"]
    assert "nocturne python -m core compose" in machine.called("podman")[-1]


def test_no_image_is_built_without_an_engine(machine):
    """One sentence says so, and it is no failure: most machines have none."""
    done = machine.run("image")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "No image is built here, as neither Docker nor Podman runs.\n"


@pytest.mark.parametrize("file", ["README.md", "bin/run"])
def test_the_invitation_asks_for_what_the_bot_needs(file):
    """The permissions in the address are those that the bot itself asks for, with the scopes of a bot with commands."""
    [address] = re.findall(r"https://discord\.com/oauth2/\S+?(?=[`\s])", (ROOT / file).read_text())
    query = parse_qs(urlsplit(address).query)
    assert query["permissions"] == [str(PERMISSIONS.value)]
    assert query["scope"] == ["bot applications.commands"]


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("No known vulnerabilities found", 0, "No known vulnerabilities found\n"),
        ("Found 2 known vulnerabilities in 1 package\nName Version\nuv   0.1", 1, "uv   0.1\n"),
        (
            "ERROR:pip_audit._cli:uv: Dependency not found on PyPI\nERROR:pip_audit._cli:Tip: try another",
            2,
            "PyPI's advisories could not be read, so the packages are not audited: uv: Dependency not found on PyPI\n",
        ),
        (
            "Traceback (most recent call last):\n  a line\nrequests.exceptions.ConnectionError: no name",
            2,
            "so the packages are not audited: requests.exceptions.ConnectionError: no name\n",
        ),
    ],
    ids=["all is well", "a weak package", "a package that is not known", "no connection"],
)
def test_an_audit_is_well_only_when_all_was_looked_up(machine, answer, code, said):
    """Every set is looked up; what could not be is one sentence and exit code 2, not silence."""
    machine.has("python", f"cat <<'END'\n{answer}\nEND\nexit {min(code, 1)}", machine.root / ".venv/bin")
    done = machine.run("audit")
    assert done.returncode == code
    assert (done.stdout + done.stderr).endswith(said)
    if code == 2:
        assert done.stderr.count("\n") == 1
    (call,) = machine.called("python")
    assert "-m pip_audit --strict " in call
    assert all(f"--requirement requirements/{name}.txt" in call for name in SETS)

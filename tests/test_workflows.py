"""What GitHub reads: the workflows, what they may do and what they run; what a release is made of; the forms; the citation."""
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from web.colab import PUBLISHED
from web.languages import Languages

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
TESTS = "./.github/workflows/test.yml"


def loaded(path):
    """A YAML file with every value as text: to PyYAML `on` is a truth value."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


WORKFLOWS = {path.stem: loaded(path) for path in (GITHUB / "workflows").iterdir()}
ACTIONS = {path.parent.name: loaded(path) for path in GITHUB.glob("actions/*/action.yml")}
JOBS = {(name, job): body for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()}
STEPS = [(name, step) for (name, _), job in JOBS.items() for step in job.get("steps", [])]
STEPS += [(name, step) for name, action in ACTIONS.items() for step in action["runs"]["steps"]]
FORMS = {path.stem: loaded(path) for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"}


@pytest.fixture(scope="module")
def settings():
    """The values of settings.ini."""
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def test_all_that_comes_from_elsewhere_is_pinned():
    """By a commit, because a tag can be moved; the tag stands beside it for the reader."""
    lines = [line.strip(" -") for path in GITHUB.rglob("*.yml") for line in path.read_text(encoding="utf-8").splitlines()]
    used = [line.removeprefix("uses: ") for line in lines if line.startswith("uses:")]
    assert len(used) == len([step for _, step in STEPS if "uses" in step]) + sum("uses" in job for job in JOBS.values())
    assert [each for each in used if not each.startswith("./") and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", each)] == []
    assert [each for each in used if each.startswith("./") and not (ROOT / each / "action.yml").exists() and each != TESTS] == []


def test_only_what_deploys_or_publishes_may_write():
    assert {name: workflow.get("permissions") for name, workflow in WORKFLOWS.items()} == dict.fromkeys(WORKFLOWS, {"contents": "read"})
    assert {job: body["permissions"] for job, body in JOBS.items() if "permissions" in body} == {
        ("publish", "deploy"): {"pages": "write", "id-token": "write"}, ("publish", "notebooks"): {"contents": "write"},
        ("release", "publish"): {"id-token": "write"}}


def test_what_may_write_runs_no_code_of_the_repository():
    for job in (("publish", "deploy"), ("publish", "notebooks"), ("release", "publish")):
        assert "environment" in JOBS[job]
        assert not any(step.get("uses", "").startswith(("./", "actions/checkout")) for step in JOBS[job]["steps"])
        commands = [line for step in JOBS[job]["steps"] for line in step.get("run", "").splitlines()]
        assert all(line.startswith("git ") for line in commands) and (bool(commands) == (job == ("publish", "notebooks"))), job


@pytest.mark.skipif(sys.platform == "win32", reason="the notebooks are published on Linux")
def test_the_branch_of_the_notebooks_holds_them_and_nothing_else(tmp_path):
    """The commands run as they stand; git is told that the address of the repository is a folder."""
    fetched, pushed = JOBS["publish", "notebooks"]["steps"]
    sent = JOBS["publish", "build"]["steps"][-1]
    assert sent["with"]["name"] == fetched["with"]["name"] and fetched["with"]["path"] == pushed["working-directory"]
    assert sent["with"]["path"].split() == [f"_docs/{code}/*.ipynb" for code in Languages.read(ROOT / "languages.yml").codes]
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "there.git"], check=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TOKEN": "secret", "GITHUB_REPOSITORY": "someone/vae", "GITHUB_SHA": "0a1b",
           "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{tmp_path}/there.git.insteadOf",
           "GIT_CONFIG_VALUE_0": "https://x-access-token:secret@github.com/someone/vae"}
    for text in ("old", "new"):
        for folder in ("en", "zh"):
            (tmp_path / text / folder).mkdir(parents=True)
            (tmp_path / text / folder / f"{text}.ipynb").write_text(text, encoding="utf-8")
        subprocess.run(["bash", "-e", "-c", pushed["run"]], cwd=tmp_path / text, env=env, check=True)

    def there(*command):
        return subprocess.run(["git", *command], cwd=tmp_path / "there.git", capture_output=True, text=True, check=True).stdout
    assert there("branch", "--format", "%(refname:short)") == f"{PUBLISHED}\n"
    assert there("ls-tree", "-r", "--name-only", PUBLISHED) == "en/new.ipynb\nzh/new.ipynb\n"
    assert there("log", "--format=%s", PUBLISHED) == "The notebooks of 0a1b\n"


def test_nobody_elses_words_become_commands():
    """A title of a pull request, a name of a branch: what is put into a command by `${{ }}` is run as a part of it."""
    for name, step in STEPS:
        assert "${{" not in step.get("run", ""), f"{name}: give it to the command as an environment variable"
    for path in GITHUB.rglob("*.yml"):
        text = path.read_text(encoding="utf-8")
        assert "pull_request_target" not in text and "workflow_run" not in text and "secrets" not in text, path.name


def test_no_step_keeps_the_token():
    checkouts = [step for _, step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts and all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_every_job_ends():
    assert [job for job, body in JOBS.items() if "timeout-minutes" not in body and "uses" not in body] == []


def test_every_target_of_make_is_there():
    targets = set(re.findall(r"^([a-z]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for _, step in STEPS for target in re.findall(r"\bmake ([a-z]+)", step.get("run", ""))}
    assert named >= {"check", "notebooks", "mutants", "pages", "versions", "frameworks", "wheel", "docs"}
    assert named <= targets, named - targets


def test_what_is_called_by_its_name_is_there():
    """Programs of the repository, and the files of requirements, that steps name."""
    commands = "\n".join(step.get("run", "") for _, step in STEPS)
    assert (ROOT / "tools/outside_links.py").exists() and "python -m tools.outside_links" in commands
    named = set(re.findall(r"(?:-c|-r|cp|--ignore|--deselect) ([\w./-]+\.\w+)", commands))
    named |= {f"tests/test_{name}.py" for names in re.findall(r"tests/test_{(.*)}\.py", commands) for name in names.split(",")}
    assert named >= {"constraints.txt", "tests/own_model.py", "tests/test_checkpoints.py"} and all((ROOT / name).exists() for name in named)


def test_every_test_is_run_by_a_job(request):
    commands = [step["run"] for name in ("slow",) for step in JOBS["test", name]["steps"] if "pytest" in step.get("run", "")]
    for target in ("check", "notebooks", "mutants", "pages"):
        made = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        commands += [line for line in made.splitlines() if "-m pytest" in line]
    assert len(commands) == 5
    forgotten = {item.path.name for item in request.session.items if not any(runs(command, item) for command in commands)}
    assert not forgotten


def runs(command, item):
    """Whether a command of pytest runs a test."""
    marks = re.search(r"pytest .*-m (?:\"([^\"]+)\"|(\w+))", command)
    chosen, ignored = (re.findall(pattern + r"(tests/\w+\.py)", command) for pattern in (r"(?<!--ignore) ", "--ignore "))
    file = f"tests/{item.path.name}"
    held = {mark: item.get_closest_marker(mark) is not None for mark in ("slow", "browser", "network")}
    return (file in chosen or not chosen) and file not in ignored and (not marks or eval(marks[1] or marks[2], {}, held))


def before(name, job):
    """Every job of a workflow that has to succeed before this one."""
    needs = JOBS[name, job].get("needs", [])
    needs = {needs} if isinstance(needs, str) else set(needs)
    return needs.union(*(before(name, each) for each in needs))


@pytest.mark.parametrize("name", ["publish", "release"])
def test_nothing_is_published_without_the_tests(name):
    tests = {job for (workflow, job), body in JOBS.items() if workflow == name and body.get("uses") == TESTS}
    assert tests and [job for (workflow, job), body in JOBS.items()
                      if workflow == name and job not in tests and ("if" in body or not tests <= before(name, job))] == []


def test_the_tests_run_once_for_each_change():
    """publish.yml runs them on main, test.yml elsewhere."""
    events = WORKFLOWS["test"]["on"]
    assert set(events) == {"push", "pull_request", "workflow_dispatch", "workflow_call"}
    assert events["push"] == {"branches-ignore": WORKFLOWS["publish"]["on"]["push"]["branches"]} == {"branches-ignore": ["main"]}
    assert not events["pull_request"], "a change of any file is tested"


def test_only_a_pull_requests_own_runs_are_cancelled():
    assert WORKFLOWS["test"]["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
    assert all(workflow["concurrency"]["cancel-in-progress"] == "false" for name, workflow in WORKFLOWS.items()
               if name != "test" and "concurrency" in workflow)


def test_links_stand_in_the_way_of_nothing():
    assert set(WORKFLOWS["links"]["on"]) == {"schedule", "workflow_dispatch"} and "workflows/links" not in str([*JOBS.values()])


def test_a_release_is_what_was_built_and_looked_at():
    build = [step.get("run") or step["uses"].split("@")[0] for step in JOBS["release", "build"]["steps"]]
    tag, made, held, alone, kept = build[2:]
    assert "$GITHUB_REF_NAME" in tag and "settings.ini" in tag and made.endswith("python -m build --no-isolation\n")
    assert all(name in held for name in ("mnist.safetensors", "digits.safetensors", "explore.js")) and "dist/*.whl" in alone
    assert kept == "actions/upload-artifact"
    fetched, published = JOBS["release", "publish"]["steps"]
    assert fetched["with"] == {"name": "dist", "path": "dist"} and published["uses"].startswith("pypa/gh-action-pypi-publish@")


def script(text):
    """The commands of a step of release.yml, found by a part of its name, as GitHub gives them to bash."""
    return next(step["run"] for step in JOBS["release", "build"]["steps"] if text in step.get("name", ""))


@pytest.mark.skipif(sys.platform == "win32", reason="a release is built on Linux")
def test_a_tag_that_is_not_the_version_stops_the_release(settings):
    def run(tag):
        return subprocess.run(["bash", "-e", "-c", script("The tag is")], cwd=ROOT, env={"GITHUB_REF_NAME": tag, "PATH": "/bin:/usr/bin"})
    assert run(f"v{settings['version']}").returncode == 0
    assert run(f"v{settings['version']}.1").returncode == 1 and run(settings["version"]).returncode == 1


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a release is built on Linux")
def test_the_source_holds_all_that_the_wheel_is_made_of(tmp_path, monkeypatch):
    """The wheel of a release is made from the source archive and not from the repository."""
    copy, out = tmp_path / "project", tmp_path / "dist"
    shutil.copytree(ROOT, copy, ignore=lambda folder, names: ["__pycache__"] if Path(folder) != ROOT else
                    [name for name in names if name.startswith(".") or (ROOT / name).is_dir() and name not in ("vae_nb", "tests")])
    out.mkdir()

    def build(kind, folder):
        code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))"
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return out / done.stdout.splitlines()[-1]
    with tarfile.open(build("sdist", copy)) as archive:
        archive.extractall(tmp_path, filter="data")
        assert not [name for name in archive.getnames() if "/tests" in name]
    wheel = build("wheel", next(tmp_path.glob("vae_nb-*")))
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("vae_nb/")}
    assert names == {f"vae_nb/{path.name}" for path in (ROOT / "vae_nb").iterdir() if path.is_file()}
    done = subprocess.run(["bash", "-e", "-c", f'PATH="{Path(sys.executable).parent}:$PATH"; {script("The wheel holds")}'], cwd=tmp_path)
    assert done.returncode == 0
    shutil.copy(wheel, kept := tmp_path / "whole.whl")
    with zipfile.ZipFile(kept) as whole, zipfile.ZipFile(wheel, "w") as less:
        for name in whole.namelist():
            if name != "vae_nb/digits.safetensors":
                less.writestr(name, whole.read(name))
    done = subprocess.run(["bash", "-e", "-c", f'PATH="{Path(sys.executable).parent}:$PATH"; {script("The wheel holds")}'], cwd=tmp_path)
    assert done.returncode, "a wheel without the digits was let through"


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_one_that_github_takes(name):
    form = FORMS[name]
    assert set(form) == {"name", "description", "labels", "body"} and " | " in form["name"] and " | " in form["description"]
    assert set(form["labels"]) <= {"bug", "documentation", "question", "enhancement"}, "a repository has these from the start"
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[\w-]+", each) for each in ids)
    assert any(field.get("validations", {}).get("required") == "true" for field in form["body"])
    for field in form["body"]:
        given = field["attributes"]
        allowed = {"textarea": {"label", "description", "render"}, "input": {"label", "description"}, "dropdown": {"label", "options"}}
        assert set(given) <= allowed[field["type"]] and " | " in given["label"]
        if "description" in given:
            zh, en = given["description"].splitlines()
            assert re.search("[\u3400-\u9fff]", zh) and not re.search("[\u3400-\u9fff]", en)


def test_there_is_a_form_for_each_kind():
    assert [FORMS[name]["labels"] for name in sorted(FORMS)] == [["bug"], ["documentation"], ["question"], ["enhancement"]]
    text = FORMS["2-text"]["body"]
    assert [field["id"] for field in text] == ["page", "language", "sentence", "right", "source"]


@pytest.mark.slow
@pytest.mark.slow
def test_the_command_of_the_form_runs():
    command = re.search(r'`python -c "(.*?)"`', FORMS["1-package"]["body"][0]["attributes"]["description"])[1]
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and sys.platform in done.stdout, done.stderr


def test_the_request_names_what_there_is():
    text = (GITHUB / "PULL_REQUEST_TEMPLATE.md").read_text(encoding="utf-8")
    targets = re.findall(r"`make ([a-z]+)", text)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(targets) == {"check", "outputs"} and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_citation_agrees_with_settings_ini(settings):
    citation = loaded(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0" and citation["authors"] == [{"name": settings["author"]}]
    assert (citation["version"], citation["repository-code"]) == (settings["version"], settings["git_url"])
    assert citation["url"] == settings["doc_host"] + settings["doc_baseurl"] and citation["keywords"] == settings["keywords"].split()
    assert citation["license"] == "Apache-2.0" and "doi" not in citation

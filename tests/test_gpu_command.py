"""`make gpu`: what it carries along, what it leaves when time runs out."""
import gzip
import zipfile

import pytest

from bench import gpu


@pytest.fixture
def places(tmp_path, monkeypatch):
    for name in ("LUGGAGE", "RAW", "WHEELS", "OUT"):
        monkeypatch.setattr(gpu, name, tmp_path / name.lower())
    (tmp_path / "luggage").mkdir()
    return tmp_path


def wheel(folder, name):
    """A wheel with one module."""
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "here = True\n")


def test_what_is_missing_is_unpacked_and_what_is_there_stays(places):
    (places / "luggage/t10k-ubyte.gz").write_bytes(gzip.compress(b"new"))
    (places / "luggage/train-ubyte.gz").write_bytes(gzip.compress(b"new"))
    (places / "raw").mkdir()
    (places / "raw/train-ubyte").write_bytes(b"old")
    wheel(places / "luggage", "never_installed")
    wheel(places / "luggage", "torch")
    assert gpu.unpack() == places / "wheels"
    assert (places / "raw/t10k-ubyte").read_bytes() == b"new" and (places / "raw/train-ubyte").read_bytes() == b"old"
    assert [path.name for path in (places / "wheels").iterdir()] == ["never_installed.py"]


def test_what_is_carried_is_small_and_for_the_machine(places, monkeypatch):
    asked = []

    def download(command, check):
        asked.extend(command)
        for name in ("numpy", "nbclient"):
            wheel(places / "luggage", name)
    monkeypatch.setattr(gpu.subprocess, "run", download)
    monkeypatch.setattr(gpu, "ROOT", places)
    (places / "raw").mkdir()
    (places / "raw/t10k-ubyte").write_bytes(b"digits")
    gpu.pack()
    assert {path.name for path in (places / "luggage").iterdir()} == {"t10k-ubyte.gz", "nbclient-1.0-py3-none-any.whl"}
    assert "--only-binary=:all:" in asked and "3.12" in asked
    assert gzip.decompress((places / "luggage/t10k-ubyte.gz").read_bytes()) == b"digits"


@pytest.mark.slow
def test_a_part_that_takes_too_long_is_named_and_the_rest_stands(places):
    run = gpu.Run(1)
    run.add("| before | 1 | 2 |")
    run.end = gpu.time.monotonic() + 5.5
    assert run.command("timeit", "-n1", "-r1", "import time; time.sleep(60)") == (None, "")
    assert run.command("this") == (None, ""), "a part was begun without time"
    run.add("| after | 3 | 4 |")
    assert (places / "out/GPU.md").read_text() == "| before | 1 | 2 |\n| after | 3 | 4 |\n"
    assert "stopped for want of time" in (places / "out/gpu.log").read_text()


def test_a_part_that_fails_says_so(places):
    run = gpu.Run(1)
    status, text = run.command("no_such_module")
    assert status != 0 and "No module named no_such_module" in text and "no_such_module" in (places / "out/gpu.log").read_text()

"""What no notebook cell can show: crashes, folders without permission, the real download, other versions of Python."""
import ast
import os
import subprocess
import sys

import pytest
import torch

from vae_nb.data import mnist
from vae_nb.files import writable_folder, write_whole
from vae_nb.model import VAE
from vae_nb.train import evaluate_epoch, fit
from web.build import ROOT

DATA = ROOT / "nbs/data"
CRASHES = {
    "in the middle of writing": """
class Half:
    def __init__(self, path, mode): self.file = io.open(path, mode)
    def __enter__(self): return self
    def __exit__(self, *error): self.file.close()
    def write(self, content):
        self.file.write(content[:len(content) // 2])
        self.file.flush()
        os._exit(9)
files.open = Half
""",
    "before the new file takes its place": "os.replace = lambda *paths: os._exit(9)",
    "after it has": "real = os.replace; os.replace = lambda *paths: (real(*paths), os._exit(9))",
}
TRAIN = """
import io, os, sys
import torch
from vae_nb import files
from vae_nb.model import VAE
from vae_nb.train import fit
torch.set_num_threads(1)
images = torch.randint(0, 256, (300, 784), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
torch.manual_seed(0)
model = VAE(hidden_dim=16, latent_dim=2)
path, epochs, crash = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if epochs > 2:
    exec(crash)
fit(model, images, images[:50], epochs=epochs, checkpoint=path, progress=False)
"""


def train(path, epochs, crash="", expect=0):
    """Train a small model in a process of its own, which may crash at its next checkpoint."""
    done = subprocess.run([sys.executable, "-c", TRAIN, str(path), str(epochs), crash], capture_output=True, text=True)
    assert done.returncode == expect, done.stderr
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("moment", CRASHES)
def test_a_crash_leaves_a_whole_checkpoint_and_training_goes_on(moment, tmp_path):
    two = train(tmp_path / "run.safetensors", 2)
    train(tmp_path / "run.safetensors", 3, CRASHES[moment], expect=9)
    left = (tmp_path / "run.safetensors").read_bytes()
    assert (left != two) == (moment == "after it has")
    resumed = train(tmp_path / "run.safetensors", 4)
    unbroken = train(tmp_path / "other.safetensors", 4)
    assert tensors(resumed) == tensors(unbroken)


def tensors(content):
    """The part of a safetensors file after its header, where the numbers are."""
    return content[8 + int.from_bytes(content[:8], "little"):]


def unprivileged(action):
    """What `action` raises, as text, in a child process that is not allowed everything."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            action()
            message = ""
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
        os.write(writing, message.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    return os.read(reading, 10_000).decode()


@pytest.fixture
def read_only(tmp_path):
    """A folder that nobody but root may write to."""
    folder = tmp_path / "results"
    folder.mkdir()
    folder.chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and parent.name.startswith(("pytest", "test_")):
            parent.chmod(0o755)
    yield folder
    folder.chmod(0o755)


def test_a_read_only_results_folder_is_named_at_once(read_only):
    message = unprivileged(lambda: writable_folder(read_only))
    assert message.startswith("PermissionError: nothing can be written to") and str(read_only) in message


def test_a_failed_write_keeps_the_old_file(read_only):
    read_only.chmod(0o755)
    write_whole(read_only / "file", b"old")
    read_only.chmod(0o555)
    assert "Permission" in unprivileged(lambda: write_whole(read_only / "file", b"new"))
    assert (read_only / "file").read_bytes() == b"old" and [path.name for path in read_only.iterdir()] == ["file"]


def test_fit_stops_before_training_if_results_cannot_be_written(tmp_path):
    (tmp_path / "results").write_text("a file in the way")
    model = VAE(hidden_dim=4, latent_dim=2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(OSError, match="nothing can be written"):
        fit(model, torch.zeros(4, 784), torch.zeros(4, 784), epochs=1, results=tmp_path / "results")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_shipped_weights_are_in_the_expected_band():
    torch.manual_seed(1)
    assert abs(evaluate_epoch(VAE.from_pretrained(), mnist(DATA, train=False)[0]) - 105.6) < 0.8


@pytest.mark.parametrize("path", sorted((ROOT / "vae_nb").glob("*.py")), ids=lambda path: path.name)
def test_the_package_reads_as_python_3_11(path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 11))

"""The wheel, installed into a folder of its own, serves an engineer who brings a model, a loss and pictures."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_a_model_a_loss_and_pictures_of_ones_own(tmp_path):
    site, work = tmp_path / "site", tmp_path / "work"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site), str(ROOT)]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    work.mkdir()
    shutil.copy(ROOT / "tests/own_model.py", work)
    env = {**os.environ, "PYTHONPATH": str(site), "MPLBACKEND": "agg", "PYTHONSAFEPATH": "1"}
    asked = [sys.executable, "-c", "import vae_nb; print(vae_nb.__file__)"]
    where = subprocess.run(asked, cwd=work, env=env, capture_output=True, text=True)
    assert where.stdout.startswith(str(site)), where.stdout + where.stderr
    done = subprocess.run([sys.executable, "own_model.py"], cwd=work, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("test loss") == 3

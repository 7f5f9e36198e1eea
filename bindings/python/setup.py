"""Builds the shared library with cargo and puts it beside the generated module."""

import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARY = {"win32": "rpmon_mobile.dll", "darwin": "librpmon_mobile.dylib"}.get(
    sys.platform, "librpmon_mobile.so"
)


# A wheel for systems with an older C library than this one's, such as "2.17": cargo-zigbuild links against that.
GLIBC = os.environ.get("RPMON_GLIBC")


def build_library() -> pathlib.Path:
    """Builds the library, and says where it lies."""
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    command = ["cargo", "build"]
    if GLIBC:
        host = f"{platform.machine()}-unknown-linux-gnu"
        command = ["cargo", "zigbuild", "--target", f"{host}.{GLIBC}"]
        target /= host
    command += ["--locked", "--package", "rpm-mobile", "--profile", "mobile"]
    subprocess.run(command, cwd=ROOT, check=True)
    return target / "mobile" / LIBRARY


class BuildWithLibrary(build_py):
    """`build_py`, after `cargo build`."""

    def run(self) -> None:
        super().run()
        package = pathlib.Path(self.build_lib) / "rpmon"
        if self.editable_mode:
            package = pathlib.Path(__file__).resolve().parent / "rpmon"
        shutil.copy2(build_library(), package / LIBRARY)


class PlatformWheel(bdist_wheel):
    """The library is loaded through ctypes: any Python 3, this platform only."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]

    def run(self) -> None:
        super().run()
        if sys.platform == "linux":
            for _, _, wheel in self.distribution.dist_files[-1:]:
                name_for_its_systems(pathlib.Path(wheel))


def name_for_its_systems(wheel: pathlib.Path) -> None:
    """Names a wheel by the oldest C library that its own library runs with: manylinux, or musllinux."""
    auditwheel = [sys.executable, "-m", "auditwheel", "repair", "--wheel-dir"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*auditwheel, folder, wheel], check=True)
        (named,) = pathlib.Path(folder).iterdir()
        wheel.unlink()
        shutil.move(named, wheel.parent)


class WithLibrary(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(distclass=WithLibrary, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})

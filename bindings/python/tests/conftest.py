"""Where the shared test data are, and what became of the conformance cases."""

import os
import pathlib

import pytest

TESTDATA = pathlib.Path(__file__).resolve().parents[3] / "testdata"
TOLD_ALIKE: list[str] = []


@pytest.fixture
def testdata() -> pathlib.Path:
    return TESTDATA


def pytest_runtest_logreport(report) -> None:
    _, _, case = report.nodeid.partition("test_conformance.py::test_case[")
    if case and report.when == "call" and report.passed:
        TOLD_ALIKE.append(case.removesuffix("]"))


def pytest_sessionfinish() -> None:
    """One line a case, for `cargo xtask conformance-table`."""
    if folder := os.environ.get("RPM_CONFORMANCE_RESULTS"):
        text = "".join(f"{case}\n" for case in sorted(TOLD_ALIKE))
        (pathlib.Path(folder) / "Python.txt").write_text(text)

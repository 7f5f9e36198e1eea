"""Where the shared test data are."""

import pathlib

import pytest

TESTDATA = pathlib.Path(__file__).resolve().parents[3] / "testdata"


@pytest.fixture
def testdata() -> pathlib.Path:
    return TESTDATA

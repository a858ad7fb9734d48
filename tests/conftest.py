"""What all tests share.

One thread for the linear algebra: the pages of the tests are too small to share out, and
threads that wait for each other on a busy machine take many times as long. And no
deadline for generated examples: how long one takes is not what is tested. The same examples
are generated in each run, so that a failing test is the fault of the change that was made;
``pytest --hypothesis-profile search`` looks for new ones.
"""

import gc
import io
import os
import sys
from pathlib import Path

import pytest
from commands import Run
from hypothesis import HealthCheck, settings

# to show what an assertion in them compared
pytest.register_assert_rewrite("pages_of_html", "files_of_pages")

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("clutter", settings.get_profile("search"), derandomize=True)
settings.load_profile("clutter")


def pytest_collection_finish() -> None:
    """What the tests have imported stays: the garbage collector need not go through all of it
    again and again, which takes a sixth of the time of tests that make many objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def run(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Runs a command line in an empty folder: exit status, output, messages."""
    from clutter import cli  # which loads numpy: not before the threads are set

    monkeypatch.chdir(tmp_path)

    def run(*args: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = cli.main(args)
        out, err = capsysbinary.readouterr()
        return status, out, err.decode()

    return run

"""One thread for the linear algebra: the pages of the tests are too small to share out,
and threads that wait for each other on a busy machine take many times as long."""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

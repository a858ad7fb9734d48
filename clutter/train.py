"""The training script: ``python -m clutter.train`` is the same as ``clutter train``.

What it does is in clutter/training/.
"""

import sys

from clutter.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))

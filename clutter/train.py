"""The training script: ``python -m clutter.train`` does the same as ``clutter train``.

The code of the training is in clutter/training/.
"""

import sys

from clutter.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))

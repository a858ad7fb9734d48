"""``python -m clutter`` does the same as the command ``clutter``."""

import sys

from clutter.cli import main

sys.exit(main())

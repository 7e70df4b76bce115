"""The Python package is imported from the source tree, with the library of the release build."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "python"))
os.environ.setdefault("PIPPIN_LIBRARY", str(ROOT / "build" / "release" / "libpippin.so"))

"""Run the unit tests beside this file and write their JUnit file: python run.py FILE.

The exit code is 0 when the tests ran to their end, whatever they found: that is for the plan to judge.
"""

import os
import sys
from pathlib import Path

os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # only what these tests need, whatever else is installed

import pytest

FOLDER = Path(__file__).parent
code = pytest.main([str(FOLDER), "-c", str(FOLDER / "pytest.ini"), f"--junitxml={sys.argv[1]}"])
sys.exit(0 if code is pytest.ExitCode.TESTS_FAILED else code)

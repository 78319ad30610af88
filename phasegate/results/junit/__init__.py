"""What a program wrote in this attempt, JUnit XML of any tool above all."""

from phasegate.results.junit.reading import Conventions, parse_junit
from phasegate.results.junit.result_files import ResultFiles

__all__ = ["Conventions", "ResultFiles", "parse_junit"]

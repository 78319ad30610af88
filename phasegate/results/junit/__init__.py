"""What a program wrote in this attempt, JUnit XML of any tool above all."""

from phasegate.results.junit.outcome import JUnitCase
from phasegate.results.junit.reading import Conventions, JUnitFile, parse_junit, read_junit
from phasegate.results.junit.result_files import ResultFiles

__all__ = ["Conventions", "JUnitCase", "JUnitFile", "ResultFiles", "parse_junit", "read_junit"]

"""The old gate's unit tests: it collects 66 and runs 3 of them.

Usage: python unit.py FILE. Writes a JUnit file as that gate's runner did: the suite says how many tests it
has, and holds the ones that ran.
"""

import sys
import unittest
from pathlib import Path
from xml.etree import ElementTree

COLLECTED = 66
RAN = 3


class Arithmetic(unittest.TestCase):
    """Sums of small numbers, one test each."""


def _sum_of(number: int):
    def test(self: unittest.TestCase) -> None:
        self.assertEqual(sum(range(number + 1)), number * (number + 1) // 2)

    return test


for number in range(COLLECTED):
    setattr(Arithmetic, f"test_sum_{number:02}", _sum_of(number))

tests = list(unittest.defaultTestLoader.loadTestsFromTestCase(Arithmetic))
suite = ElementTree.Element("testsuite", name="unit", tests=str(len(tests)))
passed = 0
for case in tests[:RAN]:
    good = case.run().wasSuccessful()
    passed += good
    element = ElementTree.SubElement(suite, "testcase", classname="Arithmetic", name=case._testMethodName)
    if not good:
        ElementTree.SubElement(element, "failure", message="the sum is wrong")
ElementTree.ElementTree(suite).write(Path(sys.argv[1]), encoding="utf-8", xml_declaration=True)
print(f"test success rate {passed / RAN:.0%} ({passed}/{RAN})")

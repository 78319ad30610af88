"""The sample target of the shipped plan: a small service that runs Node.js, Python and Rust functions.

It stands alone: nothing else in phasegate imports it, and it imports nothing of phasegate.
"""

VERSION = "0.2.0"

"""Inputs of any content for every command that reads files: `python -m tests.fuzz [N]` for a long run."""

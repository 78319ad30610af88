"""A run from plan to verdict: its stages in order, and what it leaves behind."""

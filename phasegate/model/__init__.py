"""What was observed and what was concluded: frozen data that every other part shares; no I/O."""

"""The kind `scan`: what scanners found."""

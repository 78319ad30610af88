"""Files that are looked at as they stand: trees of them, programs that look as well, and what was found."""

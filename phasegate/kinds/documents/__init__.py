"""The kind `documents`: procedures that are written down, complete and up to date."""

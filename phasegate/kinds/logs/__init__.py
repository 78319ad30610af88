"""The kind `logs`: whether what happens arrives where logs are kept."""

"""The kind `security`: what the target gives away to whoever asks."""

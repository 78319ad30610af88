"""The kind `prometheus`: what a monitoring server says of the target."""

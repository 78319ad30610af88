"""Whether an API holds its own contract: an OpenAPI document."""

"""The built-in load engine: a coordinator, and worker processes that send requests and count answers."""

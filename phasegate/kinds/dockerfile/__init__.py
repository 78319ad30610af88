"""Dockerfiles and Compose files as they are written."""

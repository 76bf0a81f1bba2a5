"""Helpers that several scripts of the workflow share; a rule lists those its script imports among its inputs."""

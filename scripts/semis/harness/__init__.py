"""Runs jobs: logs, locks, errors, work folders, free disk space. Nothing in this package can change a number."""

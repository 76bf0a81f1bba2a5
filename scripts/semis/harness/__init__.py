"""Runs jobs: logs, locks, errors, work folders, room on the disk. Nothing in it can change a number."""

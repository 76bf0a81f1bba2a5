"""Reads what the user gives: archives, plain text, JSON."""

"""Reads the user's files: archives, plain text, formats of reviews, JSON."""

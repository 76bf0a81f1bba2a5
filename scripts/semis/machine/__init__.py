"""Queries this machine: its processor, its devices and its free memory."""

"""Reads and writes the results of runs, and turns them into tables, statistics, figures and pages."""

"""Reads the config and plans a study. It runs in Snakemake's own Python."""

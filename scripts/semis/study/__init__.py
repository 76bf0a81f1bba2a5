"""Reads the config and plans a study, in Snakemake's own Python."""

"""What a run leaves, and what a study makes of it: tables, statistics, figures."""

"""The sections of the summary page by subject, each a function from the results of the study to Markdown."""

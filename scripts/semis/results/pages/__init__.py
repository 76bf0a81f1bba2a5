"""The sections of the summary page, one module each: functions from the results of the study to Markdown."""

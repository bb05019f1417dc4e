"""The steps from one version of the log's tables to the next, run at start."""

"""A verified model and one case record to an assessment.  Imports ``features`` and ``training.artifact`` alone."""

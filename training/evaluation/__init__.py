"""Held-out rows and scores to numbers: each with its count of events and its interval."""

"""Timed and long-running work: ratios within one run, never part of the tests."""

"""The same numbers by group; the one room that opens the audit table."""

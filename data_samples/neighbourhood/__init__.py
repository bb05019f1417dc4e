"""The sample neighbourhood: five small CSV tables with named traps.  ``README.md`` tells the right answers."""

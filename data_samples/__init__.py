"""Small sample records a person can read, and the simulator that makes large ones.  Nothing here is real."""

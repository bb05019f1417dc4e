"""The peer workload of the feature benchmark: the same matrix made by our kernel and as a user of other engines would."""

"""The decision log: what was assessed and decided, hash-chained, durable before it is answered."""

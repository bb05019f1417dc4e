"""Risk under usual care: rows are followed until extra support begins, and those still followed stand for the others."""

"""The five families of indicators, one module each, in the order of their letters."""

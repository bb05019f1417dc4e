"""Views of the records: the page a board can read, the model card, the profile of a matrix."""

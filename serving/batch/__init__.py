"""``defuse score``: every open or lately closed dispute of a records folder, with the service's own scorer."""

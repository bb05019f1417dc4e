"""Records of disputes to a point-in-time matrix with labels. Knows no model."""

"""The one door to serving: the saved model.  Imports features, numpy and lightgbm, nothing that fits or tracks."""

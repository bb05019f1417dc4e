"""The families of models: points, penalised logistic regression, trees, searched trees, explainable boosting."""

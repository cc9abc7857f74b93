"""The training spec: the one declaration of every hyperparameter."""

"""Datasets: taken in, cleaned into new versions, browsed, exported, deleted."""

"""Evaluations: prompt sets over columns, their metrics and results."""

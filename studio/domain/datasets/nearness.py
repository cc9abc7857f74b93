"""From which similarity on a row is a near duplicate of another; 1 is the same but for case, blanks and punctuation."""

LEAST_NEAR = 0.7
"""Less similar rows are not told of."""
NEAR = 0.8
"""From here on it is a problem."""

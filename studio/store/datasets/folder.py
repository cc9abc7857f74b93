"""The files in a version's folder, and in that of its token counts, by name: worker and server agree on them here."""

ROWS = "rows.arrow"
PROBLEMS = "problems.arrow"
REFUSED = "refused.arrow"  # rows of the files that could not be used, as they came
NEAR_FILE = "near.arrow"  # which rows are near an earlier one, and how near
EDITS = "edits.jsonl"  # what becomes of single rows, until the worker has read it
SAMPLE = "sample.json"  # the first rows as they came
TOKENS = "tokens.arrow"
COUNTS = "examined"  # a folder with one for each token count

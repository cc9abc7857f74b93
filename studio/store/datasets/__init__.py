"""The files of a dataset's version: rows, lines, problems."""

"""The task `intake`: files of any kind become a version of a dataset."""

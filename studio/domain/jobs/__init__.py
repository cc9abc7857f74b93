"""What a worker is asked, `run.json`, and what it answers when it is done, the details of its Finished event.

Both cross from one process to another that may be of another version of the studio: a worker goes on when the server is
updated, and what runs have left is read for years. So a field that came later has a default, and a shape that was given
up is read by a validator. `version` counts the shapes.
"""

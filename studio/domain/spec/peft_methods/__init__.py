"""PEFT methods that the studio trains: one module for each, listed in `registry`."""

"""Adapters: the catalogue of them, and which base model each was trained on."""

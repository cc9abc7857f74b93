"""Adapters: the catalogue of them, and which base model each fits."""

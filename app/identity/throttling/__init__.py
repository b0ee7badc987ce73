"""Guessing is slow: how failures are counted, and when they have been too many."""

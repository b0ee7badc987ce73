"""Learners from files."""

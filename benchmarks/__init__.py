"""Measurements: `python -m benchmarks` compares Lectern with the floor and with plain Strawberry; see README.md."""

"""Lectern's application: plumbing as files, domains as folders. See docs/architecture.md."""

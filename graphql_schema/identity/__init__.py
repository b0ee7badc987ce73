"""Accounts: users, the viewer, register and login."""

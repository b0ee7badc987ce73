"""Accounts and sessions: who somebody is, which role they have, how they prove it, where they are signed in.

Calls no other domain; asks for no job.
"""

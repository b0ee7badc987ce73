"""Accounts: who somebody is, which role they have, how they prove it.

Calls no other domain; asks for no job.
"""

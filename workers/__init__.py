"""The background program. It holds short jobs only: claim, call a service, record.

The first of them arrives with the outbox.
"""

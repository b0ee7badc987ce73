"""The background program. It holds short jobs only: claim, call a service, record.

It runs the jobs that mutations ask for (handlers.py), and what comes by the clock (schedule.py).
"""

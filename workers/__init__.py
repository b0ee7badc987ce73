"""The background program. It holds short jobs only: claim, call a service, record.

Today it runs the cron table of schedule.py; jobs that mutations ask for arrive with the outbox.
"""

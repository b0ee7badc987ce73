"""Long jobs that people can watch: asked for, followed, cancelled, and ended by time where nothing else ends them.

Calls no other domain, but knows identity's actors and accounts. Asks for Job.RUN_OPERATION. What the work of a kind is,
the domains above know: `workers/operations.py` lists it.
"""

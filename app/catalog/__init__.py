"""The catalogue: courses, their modules and lessons, who teaches them, and the running sums in `course_stats`.

Calls identity for people and notifications to tell them; asks for no job yet. Domains above keep
the sums through `service.stats`.
"""

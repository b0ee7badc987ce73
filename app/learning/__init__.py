"""Learning: who learns what, how far they are, and what they think of it. Owns enrolments and their policies, cohorts,
invitations, progress of lessons and videos, viewings, reviews.

Calls catalog, notifications, operations, identity. Keeps catalog's running sums of learners and ratings. Asks for the mails
of invitations.
"""

"""What happened, told to whom it concerns: the list of each account, who wants what, and the mails.

Calls identity for addresses and keys, and pubsub to wake whoever listens; asks for the job that sends mails. Domains above
call `service.notify` in their transaction.
"""

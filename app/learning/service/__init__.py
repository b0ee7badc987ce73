"""Every rule and write of learning, one function a verb. The caller's transaction is the unit of work."""

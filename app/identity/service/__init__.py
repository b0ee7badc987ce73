"""Every rule and every write of identity, one file a group of verbs."""

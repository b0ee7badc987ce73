"""Every SELECT of learning, in batches: (connection, keys) -> rows."""

"""The contract with clients. Types copy rows, declare edges and policies; a resolver is one call."""

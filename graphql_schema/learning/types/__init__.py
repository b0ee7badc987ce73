"""Types of learning, a file for each noun."""

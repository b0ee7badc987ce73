"""Why an import does not start, or why one of its rows stays out."""


class ImportRefused(Exception):
    """Nothing can be done with this file or these options. The message is one sentence for the operator."""


class RowRefused(Exception):
    """One row stays out. The message is the reason as the report shows it."""

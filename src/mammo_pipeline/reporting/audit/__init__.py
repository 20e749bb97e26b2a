"""The sections of the audit page: each takes a record, returns one section."""

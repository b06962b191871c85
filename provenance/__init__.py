"""Provenance: tag what assistants write, index it, scan what goes in, judge by policy, prove it."""

__version__ = "0.1.0"

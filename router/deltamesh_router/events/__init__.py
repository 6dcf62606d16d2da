"""The broker: what becomes of an event, and of many in one call."""

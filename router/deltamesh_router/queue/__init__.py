"""Call queues: which calls wait, which are at which callee, and who gets the next one. Pure."""

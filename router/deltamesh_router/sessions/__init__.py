"""Who may come in and stay, and what bounds the traffic of one session."""

"""What programs have of live parameters."""

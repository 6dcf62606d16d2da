"""What an application declares: services with their resources and actions, and tasks of workers."""

"""The component that takes writes: it keeps the shared graph up to date and publishes its deltas; or stands by until it may."""

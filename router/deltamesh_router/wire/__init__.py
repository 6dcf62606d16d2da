"""Messages and connections: bytes of the plain form read and written the short way, and everything else by Autobahn."""

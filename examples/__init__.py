"""Applications written with Deltamesh. Each package is one service; read its README first."""

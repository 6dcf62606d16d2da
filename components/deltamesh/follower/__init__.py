"""The component that mirrors the shared graph, computes instances of resources from it, and shares their clients with other followers."""

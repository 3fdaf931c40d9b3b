"""The configuration file: schema, loading, timing and the resolved plan."""

"""The models and what trains them: importable, scriptable and testable without the dashboard."""

"""SQL for BI tools: PostgreSQL with governed figures in it."""

"""PostgreSQL itself: connections, pipelines, statements; nothing of ours."""

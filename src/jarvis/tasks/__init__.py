"""What states a task, flags or a table of TOML, read and told; files of such tables, applied and watched."""

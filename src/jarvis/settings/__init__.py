"""What jarvis.toml and the environment may say, from raw values to checked ones; `jarvis.config` gathers them."""

"""The iMessage daemon: commands that arrive as messages, in a process and a store of its own."""

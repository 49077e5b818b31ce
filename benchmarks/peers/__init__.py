"""How each contender does the same work, one program a contender, run in a process of its own."""

"""What `jarvis doctor` looks at, one noun per file; each check is a function of the case that yields findings."""

"""`jarvis inbox serve`: a process of its own that receives events over HTTP and drops them into the inbox."""

"""The built-in handlers: one file each, what they decide in pure files beside them."""

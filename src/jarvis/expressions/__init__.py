"""Expressions of rules and filters: checked as text, evaluated in a process of their own."""

"""What an earlier assistant stored, brought over: read there, understood here, one line of report for each row."""

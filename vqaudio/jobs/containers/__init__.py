"""Files that hold many recordings: tar archives, and tables with a column of sound."""

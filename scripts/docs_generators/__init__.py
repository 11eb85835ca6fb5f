"""Generate the tables of the reference pages from the template and the code."""

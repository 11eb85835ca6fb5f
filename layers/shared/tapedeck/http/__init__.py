"""HTTP: the `@endpoint` decorator and its parts."""

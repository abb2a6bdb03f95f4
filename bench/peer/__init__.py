"""django-helpdesk as a measuring stick: run by `bench.compare` with a Python that has it; imports nothing of ours."""

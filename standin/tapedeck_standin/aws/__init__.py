"""AWS services in this process: tables, streams, queues, and the functions of the template."""

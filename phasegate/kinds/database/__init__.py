"""The kind `database`: what is in a database, and whether its schema is the expected one."""

"""The starter plan for a written plan: Markdown in, a plan with every line of it out."""

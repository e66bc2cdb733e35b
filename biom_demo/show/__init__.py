"""Records -> words, HTML, Markdown, CSV and JSON. Pure: records in, strings out."""

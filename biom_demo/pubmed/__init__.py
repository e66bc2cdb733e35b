"""PubMed: what did the user name, fetch it, read its XML, keep it. Knows nothing of models or pages."""

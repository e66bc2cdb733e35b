"""Records -> words, HTML, Markdown, CSV and JSON. Pure: records in, strings out.

The only room that makes HTML. Escaped text is a type: what holds markup is a ``markupsafe.Markup``, made of
literal templates whose ``format`` escapes every argument that is not one; whatever comes in is plain.
"""

"""The page: one file a tab or panel. The only package that imports gradio."""

"""The definition of extractive question answering used by the app and by ``train/`` alike.

records -> windows, spans, metrics, datasets -> reader; nothing here imports ``train`` or the page.
"""

"""The definition of extractive question answering used by the app and by ``train/`` alike.

records -> windows, spans, pooling, metrics, datasets -> engines -> reader; nothing here imports
``train`` or the page.
"""

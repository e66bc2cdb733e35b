"""Reproduce the fine-tuned checkpoint: initialise, fine-tune on SQuAD then BioASQ, evaluate.

``python -m train --help`` lists the stages. Nothing in ``biom_demo`` imports this package.
"""

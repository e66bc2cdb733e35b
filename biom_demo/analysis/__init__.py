"""What can be asked of the readers, without a page: one text, many abstracts, why, a file of questions."""

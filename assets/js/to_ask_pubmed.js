question => {
  // Puts the question into Ask PubMed and goes there; nothing is asked as yet.
  window.biomAddress.fill('#pubmed-question textarea', question);
  window.biomAddress.open('ask');
  document.querySelector('#pubmed-question textarea').focus();
}

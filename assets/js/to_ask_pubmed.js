question => {
  // Goes to Ask PubMed and puts the question there; nothing is asked as yet. The tab is drawn when first shown.
  window.biomAddress.open('ask');
  const until = Date.now() + 5000;
  const put = () => {
    const box = document.querySelector('#pubmed-question textarea');
    if (!box && Date.now() < until) return void setTimeout(put, 30);
    if (!box) return;
    window.biomAddress.fill('#pubmed-question textarea', question);
    box.focus();
  };
  put();
}

() => {
  // The answer is brought into view inside its own box. The page itself moves only where the verdict
  // would be left below the fold, as on a phone.
  document.querySelectorAll('.card .context, .merged-text').forEach(box => {
    const mark = box.querySelector('mark.answer, mark.tentative, mark.merged');
    if (mark) box.scrollTop = mark.offsetTop - box.clientHeight / 3;
  });
  const verdict = document.querySelector('#verdict');
  if (document.querySelector('#status [role=alert]') || !verdict) return;
  if (verdict.getBoundingClientRect().bottom > 0.75 * window.innerHeight) {
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    verdict.scrollIntoView({behavior: still ? 'auto' : 'smooth', block: 'start'});
  }
}

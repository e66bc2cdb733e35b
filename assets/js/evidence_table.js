() => {
  // The evidence table without the server: its buttons name the abstract to open, its heads sort the rows.
  // Loaded once; listens on the whole document, as Gradio replaces what is inside its boxes.
  if (window.biomEvidence) return;
  let left = null, clicks = 0;
  const closest = (event, selector) => event.target.closest && event.target.closest(selector);

  document.addEventListener('click', event => {
    const button = closest(event, '.open-abstract');
    if (!button) return;
    left = {record: button.dataset.record, at: window.scrollY};
    // A second click on the same abstract is another value.
    window.biomAddress.fill('#opened :is(textarea, input)', `${left.record} ${++clicks}`);
  });
  // What the server has put into Compare is shown there.
  const show = () => {
    window.biomAddress.open('compare');
    window.scrollTo({top: 0});
  };
  // The table again, where it was left.
  const back = () => {
    window.biomAddress.open('ask');
    if (left) requestAnimationFrame(() => requestAnimationFrame(() => {
      window.scrollTo({top: left.at});
      const button = document.querySelector(`#abstracts .open-abstract[data-record="${CSS.escape(left.record)}"]`);
      if (button) button.focus({preventScroll: true});
    }));
  };

  // Rows without a value stand last, whichever way the others are sorted.
  document.addEventListener('click', event => {
    const button = closest(event, 'table.abstracts .sort-rows');
    if (!button) return;
    const head = button.closest('th'), body = button.closest('table').tBodies[0];
    const way = head.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
    head.parentElement.querySelectorAll('[aria-sort]').forEach(th => th.setAttribute('aria-sort', 'none'));
    head.setAttribute('aria-sort', way);
    const value = row => row.cells[button.dataset.column].dataset.value;
    const compare = button.dataset.kind === 'number' ? (a, b) => a - b : (a, b) => a.localeCompare(b);
    const sign = way === 'ascending' ? 1 : -1;
    const rows = [...body.rows].sort((first, second) => {
      const a = value(first), b = value(second);
      return a && b ? sign * compare(a, b) : Boolean(b) - Boolean(a);
    });
    body.append(...rows);
  });

  window.biomEvidence = {show, back};
}

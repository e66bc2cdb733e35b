() => {
  // The evidence table without the server: its buttons name the abstract to open, its heads sort the rows.
  // Loaded once; listens on the whole document, as Gradio replaces what is inside its boxes.
  if (window.biomEvidence) return;
  window.biomEvidence = {opened: 0, left: null};
  const closest = (event, selector) => event.target.closest && event.target.closest(selector);
  const chosen = name => document.querySelector(`#${name}-button`);

  document.addEventListener('click', event => {
    const button = closest(event, '.open-abstract');
    const box = document.querySelector('#opened textarea, #opened input');
    if (!button || !box) return;
    window.biomEvidence.left = {pmid: button.dataset.pmid, at: window.scrollY};
    const kind = box.tagName === 'TEXTAREA' ? HTMLTextAreaElement : HTMLInputElement;
    // A second click on the same abstract is another value.
    Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(
      box, `${button.dataset.pmid} ${++window.biomEvidence.opened}`);
    box.dispatchEvent(new Event('input', {bubbles: true}));
  });

  // What the server has put into Compare is shown there; Back, the browser's too, leads to the table again.
  let opened = Boolean(history.state && history.state.biomOpened);
  window.biomEvidence.show = () => {
    history.pushState({...history.state, biomOpened: true}, '');
    opened = true;
    chosen('tab-compare').click();
    window.scrollTo({top: 0});
  };
  window.biomEvidence.back = () => {
    chosen('tab-ask').click();
    const left = window.biomEvidence.left;
    if (left) requestAnimationFrame(() => requestAnimationFrame(() => {
      window.scrollTo({top: left.at});
      const button = document.querySelector(`#tab-ask .open-abstract[data-pmid="${CSS.escape(left.pmid)}"]`);
      if (button) button.focus({preventScroll: true});
    }));
  };
  window.addEventListener('popstate', event => {
    const now = Boolean(event.state && event.state.biomOpened);
    if (window.biomEvidence.left && now !== opened) {
      if (now) chosen('tab-compare').click();
      else window.biomEvidence.back();
    }
    opened = now;
  });

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
}

() => {
  // The table of questions: its heads, pages and rows tell the server what is wanted; keys move between rows.
  // Loaded once; listens on the whole document, as Gradio replaces what is inside its boxes.
  if (window.biomRows) return;
  const closest = (event, selector) => event.target.closest && event.target.closest(selector);
  const table = () => document.querySelector('#benchmark-table');
  const rows = () => [...document.querySelectorAll('#benchmark-table .open-row')];
  let clicks = 0, left = 0;
  // What has the focus in the table, as a selector: the table is drawn anew under it. "first" and "last"
  // are of the page that is on its way.
  let focused = null;
  // A second click on the same thing is another value.
  const want = (box, what) => window.biomAddress.fill(`#${box} :is(textarea, input)`, `${what} ${++clicks}`);

  const selectorOf = one => {
    const {number, key, page} = one.dataset;
    if (number !== undefined) return `.open-row[data-number="${CSS.escape(number)}"]`;
    if (key !== undefined) return `.sort-by[data-key="${CSS.escape(key)}"]`;
    return page === undefined ? null : `.pager button[aria-label="${CSS.escape(one.getAttribute('aria-label'))}"]`;
  };
  document.addEventListener('focusin', event => {
    const own = closest(event, '#benchmark-table :is(.open-row, .sort-by, .pager button)');
    focused = own ? selectorOf(own) : null;
  });
  document.addEventListener('pointerdown', event => {
    if (!closest(event, '#benchmark-table')) focused = null;
  });
  const drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => {
    const box = table();
    const free = !document.activeElement || document.activeElement === document.body;
    if (!box || !focused || !free) return;
    const all = rows();
    const one = focused === 'first' ? all[0] : focused === 'last' ? all[all.length - 1] : box.querySelector(focused);
    const target = one && !one.disabled ? one : box.querySelector('.table-scroll');
    if (target) target.focus({preventScroll: focused !== 'first' && focused !== 'last'});
  }));
  const turn = (button, then) => {
    document.activeElement.blur();
    focused = then;
    want('rows-wanted', `page ${button.dataset.page}`);
  };

  const open = button => {
    left = window.scrollY;
    want('row-wanted', button.dataset.number);
  };
  document.addEventListener('click', event => {
    if (!closest(event, '#benchmark-table')) return;
    const head = closest(event, '.sort-by');
    if (head) return want('rows-wanted', `sort ${head.dataset.key}`);
    const page = closest(event, '.pager button');
    if (page) {
      turn(page, selectorOf(page));
      table().scrollIntoView({block: 'start'});
      return;
    }
    const row = closest(event, 'tr[data-number]');
    if (row && getSelection().isCollapsed) open(row.querySelector('.open-row'));
  });

  const steps = {ArrowDown: 1, j: 1, ArrowUp: -1, k: -1};
  document.addEventListener('keydown', event => {
    const step = event.ctrlKey || event.metaKey || event.altKey ? 0 : steps[event.key];
    if (!step || !closest(event, '#benchmark-table .table-scroll') || closest(event, '.sort-by')) return;
    const all = rows(), at = all.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : -1) : at + step;
    event.preventDefault();
    if (all[next]) return all[next].focus();
    const name = step > 0 ? 'Next page' : 'Previous page';
    const button = document.querySelector(`#benchmark-table .pager button[aria-label="${name}"]`);
    if (at >= 0 && button && !button.disabled) turn(button, step > 0 ? 'first' : 'last');
  });
  // Beside an open row the same keys, and those to the sides, lead to the rows beside it.
  const sides = {ArrowRight: 'next', ArrowLeft: 'previous', j: 'next', k: 'previous'};
  document.addEventListener('keydown', event => {
    const side = event.ctrlKey || event.metaKey || event.altKey ? '' : sides[event.key];
    if (!side || !closest(event, '#walk')) return;
    event.preventDefault();
    document.querySelector(`#${side}-row`).click();
  });

  // What the server has put into Compare is shown there, its boxes folded into the head of the result.
  const show = () => {
    const inWalk = document.activeElement && document.activeElement.closest('#walk');
    window.biomAddress.open('compare');
    document.documentElement.dataset.boxes = 'folded';
    window.scrollTo({top: 0});
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const walk = document.querySelector('#walk'), next = document.querySelector('#next-row');
      if (walk && walk.offsetParent) window.scrollTo({top: walk.getBoundingClientRect().top + window.scrollY - 8});
      if (next && !inWalk) next.focus({preventScroll: true});
    }));
  };
  // The table again, where it was left, at the row that is open.
  const back = () => {
    window.biomAddress.open('benchmark');
    requestAnimationFrame(() => requestAnimationFrame(() => {
      window.scrollTo({top: left});
      const button = document.querySelector('#benchmark-table tr[aria-current] .open-row') || rows()[0];
      if (!button) return;
      button.focus({preventScroll: true});
      const {top, bottom} = button.getBoundingClientRect();
      if (top < 0 || bottom > window.innerHeight) button.scrollIntoView({block: 'center'});
    }));
  };

  window.biomRows = {drawn, show, back};
}

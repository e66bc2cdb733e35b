() => {
  // The Compare tab's own doings: examples, boxes that fold into the result's head, how the texts stand.
  // State stands on the root element: Gradio writes the classes of its own anew.
  if (window.biomCompare) return;
  window.biomCompare = true;
  const root = document.documentElement;
  const closest = (event, selector) => event.target.closest && event.target.closest(selector);
  const value = id => (document.querySelector(`${id} textarea`) || {value: ''}).value.trim();

  // The page is shown once its height stays the same: until then Gradio still puts up parts of it.
  let height = 0, frames = 0, still = 0;
  const settle = () => {
    const now = root.scrollHeight;
    still = now === height ? still + 1 : 0;
    height = now;
    if (still >= 5 || ++frames > 120) {
      root.dataset.ready = '';
      document.querySelector('#meanwhile')?.remove();
    } else requestAnimationFrame(settle);
  };
  settle();

  // Asked with both boxes filled, the boxes make room for the answers.
  const fold = () => {
    if (!value('#context') || !value('#question') || !document.querySelector('#head .edit')) return;
    root.dataset.boxes = 'folded';
    window.scrollTo({top: 0});
  };
  document.addEventListener('click', event => closest(event, '#ask') && fold(), true);
  document.addEventListener('keydown', event => {
    if (event.key === 'Enter' && !event.shiftKey && closest(event, '#question textarea')) fold();
  }, true);
  document.addEventListener('click', event => {
    if (!closest(event, '#head .edit')) return;
    root.dataset.boxes = 'open';
    window.scrollTo({top: 0});
    const box = document.querySelector('#question textarea');
    box.focus({preventScroll: true});
    box.select();
  });

  // A chip asks its example. The time tells a second click from the first.
  document.addEventListener('click', event => {
    const chip = closest(event, '.chip');
    if (!chip) return;
    const box = document.querySelector('#example-chosen textarea, #example-chosen input');
    const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(box), 'value').set;
    setter.call(box, `${chip.dataset.example}:${Date.now()}`);
    box.dispatchEvent(new Event('input', {bubbles: true}));
  });

  // Two texts or one, whose marks, and whether the two scroll together.
  const narrow = window.matchMedia('(max-width: 640px)');
  const pressed = (name, chosen) => document.querySelectorAll(`.switches [data-${name}]`).forEach(button =>
    button.setAttribute('aria-pressed', String(button.dataset[name] === chosen)));
  const standing = () => root.dataset.text || (narrow.matches ? 'one' : 'two');
  const tell = () => pressed('text', standing());
  narrow.addEventListener('change', tell);
  tell();
  document.addEventListener('click', event => {
    const button = closest(event, '.switches button');
    if (!button) return;
    if ('text' in button.dataset) {
      root.dataset.text = button.dataset.text;
      tell();
    } else if ('only' in button.dataset) {
      root.dataset.only = button.dataset.only;
      pressed('only', button.dataset.only);
    } else {
      const together = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(together));
      root.toggleAttribute('data-together', together);
      const first = document.querySelector('.card .context');
      if (together && first) align(first);
    }
  });
  const moved = new WeakMap();  // where a box was put, whose scrolling then moves no other
  const align = box => document.querySelectorAll('.card .context').forEach(other => {
    if (Math.abs(other.scrollTop - box.scrollTop) <= 1) return;
    other.scrollTop = box.scrollTop;
    moved.set(other, other.scrollTop);
  });
  document.addEventListener('scroll', event => {
    if (!('together' in root.dataset) || !closest(event, '.card .context')) return;
    if (moved.get(event.target) === event.target.scrollTop) moved.delete(event.target);
    else align(event.target);
  }, true);

  // Where both stand in one text, an answer is shown there.
  document.addEventListener('click', event => {
    const link = closest(event, '.card p.answer a');
    if (!link || standing() !== 'one') return;
    const side = ['biom', 'vanilla', 'third', 'fourth'].find(name => link.closest('.card').classList.contains(name));
    const mark = document.querySelector(`.merged-text mark.${side}`);
    if (mark) mark.scrollIntoView({block: 'center'});
  });
}

() => {
  // What the page does without asking the server. Loaded once; listens on the whole document, as
  // Gradio replaces what is inside its boxes.
  if (window.biomPage) return;
  window.biomPage = true;
  const closest = (event, selector) => event.target.closest && event.target.closest(selector);
  const percent = p => p > 0 && p < 0.001 ? '< 0.1%' : p > 0.999 && p < 1 ? '> 99.9%' : (100 * p).toFixed(1) + '%';

  // Curves and text: pointing at a word or at the curves lights up both and shows the numbers.
  const show = word => {
    const figure = document.querySelector('figure.curves');
    if (!figure) return;
    const first = Number(figure.dataset.first);
    const curves = JSON.parse(figure.dataset.curves);
    const at = word - first;
    if (!(at >= 0 && at < curves[0].start.length)) return;
    figure.dataset.at = word;
    const cursor = figure.querySelector('.cursor');
    cursor.setAttribute('x', at);
    cursor.setAttribute('width', 1);
    const text = figure.parentElement.querySelector('.merged-text');
    text.querySelectorAll('.lit').forEach(e => e.classList.remove('lit'));
    const pieces = [...text.querySelectorAll(`[data-w="${word}"]`)];
    pieces.forEach(e => e.classList.add('lit'));
    const readout = figure.querySelector('.readout');
    readout.textContent = '';
    const name = document.createElement('b');
    name.textContent = pieces.map(e => e.textContent).join('');
    readout.append(name, ...curves.map(c =>
      `  ${c.label}: starts ${percent(c.start[at])}, ends ${percent(c.end[at])}`).flatMap((line, i) => {
      const part = document.createElement('span');
      part.className = ['biom', 'vanilla', 'third', 'fourth'][i];
      part.textContent = line;
      return [part];
    }));
    return pieces[0];
  };
  const wordUnder = (figure, x) => {
    const box = figure.querySelector('svg').getBoundingClientRect();
    const count = figure.querySelector('svg').viewBox.baseVal.width;
    return Number(figure.dataset.first) + Math.min(count - 1, Math.max(0, Math.floor((x - box.left) / box.width * count)));
  };
  const intoView = piece => {
    if (!piece) return;
    const box = piece.closest('.merged-text');
    if (piece.offsetTop < box.scrollTop || piece.offsetTop > box.scrollTop + box.clientHeight - 30)
      box.scrollTop = piece.offsetTop - box.clientHeight / 2;
  };
  for (const kind of ['pointermove', 'click', 'focusin']) document.addEventListener(kind, event => {
    const word = closest(event, '.merged-text [data-w]');
    if (word) return void show(Number(word.dataset.w));
    const svg = kind !== 'focusin' && closest(event, 'figure.curves svg');
    if (svg) intoView(show(wordUnder(svg.closest('figure'), event.clientX)));
  });
  document.addEventListener('keydown', event => {
    const figure = closest(event, 'figure.curves');
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!figure || !step) return;
    event.preventDefault();
    const first = Number(figure.dataset.first);
    const last = first + figure.querySelector('svg').viewBox.baseVal.width - 1;
    const at = figure.dataset.at === undefined ? first - (step > 0 ? 1 : 0) : Number(figure.dataset.at);
    intoView(show(Math.min(last, Math.max(first, at + step))));
  });

  // Choosing a runner-up moves the highlight to it; choosing the answer moves it back.
  document.addEventListener('click', event => {
    const link = closest(event, '.card .runners-up a, .card p.answer a');
    if (!link) return;
    event.preventDefault();
    const card = link.closest('.card');
    const rank = link.dataset.rank || '1';
    const box = card.querySelector('.context');
    card.classList.toggle('elsewhere-selected', rank !== '1');
    card.querySelectorAll('.runners-up a').forEach(a =>
      a.dataset.rank === rank ? a.setAttribute('aria-current', 'true') : a.removeAttribute('aria-current'));
    let target = null;
    box.querySelectorAll('mark').forEach(mark => {
      const chosen = mark.dataset.ranks.split(' ').includes(rank);
      mark.classList.toggle('selected', chosen);
      if (chosen && !target) target = mark;
    });
    if (target) box.scrollTop = target.offsetTop - box.clientHeight / 3;
  });

  // A file of what the server sent: {name, type, and text or base64}.
  window.biomDownload = payload => {
    if (!payload) return;
    const {name, type, text, base64} = JSON.parse(payload);
    const content = base64 ? Uint8Array.from(atob(base64), one => one.charCodeAt(0)) : text;
    save(name, new Blob([content], {type}));
  };
  const save = (name, blob) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
}

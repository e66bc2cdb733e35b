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

  // A file of what the server sent: {name, type, text}.
  window.biomDownload = payload => {
    if (!payload) return;
    const {name, type, text} = JSON.parse(payload);
    save(name, new Blob([text], {type}));
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

  // The comparison as a picture: what is on the page, painted where it stands.
  window.biomPicture = () => {
    const parts = ['#verdict', '#biom', '#vanilla', '#third', '#fourth', '#difference']
      .map(selector => document.querySelector(selector))
      .filter(part => part && part.getBoundingClientRect().height > 1);
    if (!document.querySelector('figure.curves')) {
      document.querySelector('#link-status .status').textContent = 'There is nothing to keep yet. Ask a question first.';
      return;
    }
    const boxes = parts.map(part => part.getBoundingClientRect());
    const left = Math.min(...boxes.map(b => b.left)) - 16, top = Math.min(...boxes.map(b => b.top)) - 76;
    const width = Math.max(...boxes.map(b => b.right)) + 16 - left;
    const height = Math.max(...boxes.map(b => b.bottom)) + 16 - top;
    const scale = Math.min(2, 8000 / height);
    const canvas = document.createElement('canvas');
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext('2d');
    pen.scale(scale, scale);
    const body = getComputedStyle(document.body);
    pen.fillStyle = getComputedStyle(document.querySelector('.gradio-container')).backgroundColor;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = body.color;
    pen.font = `600 18px ${body.fontFamily}`;
    pen.fillText(document.querySelector('.difference').dataset.question || '', 16, 36, width - 32);
    pen.translate(-left, -top);
    parts.forEach(part => paint(pen, part));
    canvas.toBlob(blob => save('comparison.png', blob), 'image/png');
  };
  const visible = colour => colour && !/rgba\(.*, 0\)|transparent/.test(colour);
  const paint = (pen, element) => {
    const style = getComputedStyle(element);
    if (style.display === 'none' || style.visibility === 'hidden' || +style.opacity === 0) return;
    const clipped = /auto|scroll|hidden/.test(style.overflowX + style.overflowY);
    pen.save();
    if (clipped) {
      const box = element.getBoundingClientRect();
      pen.beginPath();
      pen.rect(box.left, box.top, box.width, box.height);
      pen.clip();
    }
    for (const box of element.getClientRects()) {
      if (visible(style.backgroundColor)) {
        pen.fillStyle = style.backgroundColor;
        pen.fillRect(box.left, box.top, box.width, box.height);
      }
      for (const [side, x1, y1, x2, y2] of [
        ['Top', box.left, box.top, box.right, box.top], ['Bottom', box.left, box.bottom, box.right, box.bottom],
        ['Left', box.left, box.top, box.left, box.bottom], ['Right', box.right, box.top, box.right, box.bottom]]) {
        const size = parseFloat(style[`border${side}Width`]);
        if (!size || style[`border${side}Style`] === 'none') continue;
        pen.strokeStyle = style[`border${side}Color`];
        pen.lineWidth = size;
        pen.setLineDash({dashed: [6, 4], dotted: [2, 2]}[style[`border${side}Style`]] || []);
        pen.beginPath();
        pen.moveTo(x1, y1);
        pen.lineTo(x2, y2);
        pen.stroke();
      }
    }
    if (element.tagName === 'svg') {
      const box = element.getBoundingClientRect(), view = element.viewBox.baseVal;
      element.querySelectorAll('path').forEach(path => {
        const look = getComputedStyle(path);
        const shape = new Path2D();
        shape.addPath(new Path2D(path.getAttribute('d')), new DOMMatrix([
          box.width / view.width, 0, 0, box.height / view.height, box.left, box.top]));
        pen.globalAlpha = +look.fillOpacity;
        if (look.fill !== 'none') { pen.fillStyle = look.fill; pen.fill(shape); }
        pen.globalAlpha = 1;
        pen.strokeStyle = look.stroke;
        pen.lineWidth = parseFloat(look.strokeWidth) || 1;
        pen.setLineDash(look.strokeDasharray === 'none' ? [] : look.strokeDasharray.split(/[ ,]+/).map(parseFloat));
        if (look.stroke !== 'none') pen.stroke(shape);
      });
    } else for (const node of element.childNodes) {
      if (element.tagName === 'DETAILS' && !element.open && node.tagName !== 'SUMMARY') continue;
      if (node.nodeType === Node.ELEMENT_NODE) paint(pen, node);
      else if (node.nodeType === Node.TEXT_NODE && node.textContent.trim()) text(pen, node, style);
    }
    if (element.dataset.who) {
      const box = element.getClientRects()[0];
      pen.fillStyle = style.color;
      pen.font = `700 10px ${style.fontFamily}`;
      pen.fillText(element.dataset.who, box.left, box.top + 11);
    }
    pen.restore();
  };
  const text = (pen, node, style) => {
    pen.fillStyle = style.color;
    pen.font = `${style.fontStyle} ${style.fontVariantCaps === 'normal' ? '' : 'small-caps '}${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    pen.textBaseline = 'alphabetic';
    const range = document.createRange();
    for (const match of node.textContent.matchAll(/\S+/g)) {
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      const boxes = range.getClientRects();
      if (boxes.length !== 1) {  // a word broken over lines, letter by letter
        for (let i = match.index; i < match.index + match[0].length; i++) {
          range.setStart(node, i);
          range.setEnd(node, i + 1);
          const box = range.getBoundingClientRect();
          pen.fillText(node.textContent[i], box.left, box.top + 0.78 * box.height);
        }
      } else pen.fillText(match[0], boxes[0].left, boxes[0].top + 0.78 * boxes[0].height);
    }
  };
}

() => {
  // The address follows the page. Each run and each tab is a step that Back and Forward lead to; a run is
  // then drawn anew from what its session has read. A pasted text is never in the address: this browser tab
  // keeps it (sessionStorage), so that a reload can ask again.
  if (window.biomAddress) return;
  const KEPT = 20, KEPT_CHARS = 300000;
  const visit = Math.random().toString(36).slice(2);  // the server numbers the runs of each visit anew
  const isGradio = name => name.startsWith('__');
  const query = keep => {
    const kept = [...new URLSearchParams(location.search)].filter(([name]) => keep(name));
    return kept.length ? '?' + new URLSearchParams(kept) : '';
  };
  const tabNow = () => {
    const named = new URLSearchParams(location.search).get('tab');
    return ['ask', 'benchmark', 'about'].includes(named) ? named : 'compare';
  };
  const queries = {compare: '', ask: '?tab=ask', benchmark: '?tab=benchmark', about: '?tab=about'};
  let tab = tabNow(), run = null, replaces = false, follows = false;
  let key = ((history.state || {}).biom || {}).key;
  queries[tab] = query(name => !isGradio(name));

  const write = replaced => {
    const own = query(isGradio);
    const whole = own && queries[tab] ? `${queries[tab]}&${own.slice(1)}` : queries[tab] || own;
    const state = {...history.state, biom: {visit, tab, run, key}};
    history[replaced ? 'replaceState' : 'pushState'](state, '', location.pathname + whole);
  };

  const texts = () => {
    try { return JSON.parse(sessionStorage.getItem('biom-texts') || '[]'); } catch { return []; }
  };
  const keep = (name, text) => {
    const kept = [...texts().filter(one => one.key !== name), {key: name, text}].slice(-KEPT);
    while (kept.length && kept.reduce((sum, one) => sum + one.text.length, 0) > KEPT_CHARS) kept.shift();
    try { sessionStorage.setItem('biom-texts', JSON.stringify(kept)); } catch { /* full, or off */ }
  };

  const fill = (selector, value) => {
    const box = document.querySelector(selector);
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(box), 'value').set.call(box, value);
    box.dispatchEvent(new Event('input', {bubbles: true}));
  };
  const open = name => {
    const button = document.getElementById(`tab-${name}-button`);
    if (button) button.click();
  };

  // {query, number, text}: text is null where it is as it was, and "" for a record.
  const show = told => {
    if (!told) return;
    const {query: now, number, text} = JSON.parse(told);
    queries.compare = now;
    const replaced = run === null || run === number || replaces;
    run = number;
    replaces = false;
    if (text === '') key = null;
    else if (text !== null) keep(key = `${visit}-${number}`, text);
    if (tab === 'compare') write(replaced);
  };
  // What another tab shows now.
  const of = (name, now) => {
    queries[name] = now;
    if (tab === name) write(true);
  };

  document.addEventListener('click', event => {
    if (!event.target.closest) return;
    // A script opens a tab to ask there: both are one step. Whoever asks makes a step of their own.
    if (event.isTrusted && event.target.closest('#ask')) replaces = false;
    const button = event.target.closest('[role=tab]');
    const [, chosen] = (button && /^tab-(\w+)-button$/.exec(button.id)) || [];
    if (!chosen || chosen === tab) return;
    tab = chosen;
    if (follows) return;
    if (!event.isTrusted && tab === 'compare') replaces = true;
    write(false);
  });

  addEventListener('popstate', event => {
    const state = (event.state || {}).biom || {};
    if (location.hash && !event.state) return;
    queries[tabNow()] = query(name => !isGradio(name));
    follows = true;
    open(tabNow());
    follows = false;
    const isShown = state.visit === visit && state.run === run;
    if (tab !== 'compare' || typeof state.run !== 'number' || isShown) return;
    key = state.key;
    const stored = texts().find(one => one.key === key);
    if (state.visit === visit) run = state.run;
    else replaces = true;
    const again = state.visit === visit ? {number: run} : {query: location.search, text: stored ? stored.text : ''};
    fill('#restore :is(textarea, input)', JSON.stringify({...again, at: Date.now()}));
  });

  window.biomAddress = {show, of, fill, open};
  if (tab !== 'compare') { follows = true; open(tab); follows = false; }
}

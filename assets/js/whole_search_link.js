query => {
  // The link to a search as a whole address; the address bar shows it, too.
  if (query) window.biomAddress.of('ask', query);
  return query ? window.location.origin + window.location.pathname + query : '';
}

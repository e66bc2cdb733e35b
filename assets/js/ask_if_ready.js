ready => {
  // Asks what another event has just put on the page, where it put something there.
  if (ready) setTimeout(() => document.querySelector('#ask').click(), 50);
}

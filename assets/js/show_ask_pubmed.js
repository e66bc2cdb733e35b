ready => {
  // Shows the tab that the address asks for.
  if (ready) document.querySelector('#tab-ask-button').click();
}

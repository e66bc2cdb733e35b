() => {
  // From a row in Compare back to the table, with that row in view.
  window.biomRows.back();
}

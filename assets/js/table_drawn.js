() => {
  // The table of questions stands anew: what had the focus in it has it again.
  if (window.biomRows) window.biomRows.drawn();
}

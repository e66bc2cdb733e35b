() => {
  // From an abstract in Compare back to the evidence table, as it was.
  if (history.state && history.state.biomOpened) history.back();
  else window.biomEvidence.back();
}

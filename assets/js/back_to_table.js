() => {
  // From an abstract in Compare back to the evidence table, as it was.
  window.biomEvidence.back();
}

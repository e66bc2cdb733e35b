payload => {
  // Shows Compare where the server has put an abstract there.
  if (payload) window.biomEvidence.show();
}

told => {
  // What the page shows now, for the address bar.
  if (window.biomAddress) window.biomAddress.show(told);
}

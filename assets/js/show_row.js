payload => {
  // Shows Compare where the server has put a row of the table there.
  if (payload) window.biomRows.show();
}

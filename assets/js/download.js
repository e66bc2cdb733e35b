payload => {
  // Offers what the server sent, {name, type, text}, for saving.
  window.biomDownload(payload);
}

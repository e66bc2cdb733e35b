() => {
  // Offers the comparison as a picture for saving.
  window.biomPicture();
}

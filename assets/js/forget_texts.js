() => {
  // Forgets the pasted texts that this browser tab keeps.
  try { sessionStorage.removeItem('biom-texts'); } catch { /* where storage is off, nothing is kept */ }
  document.querySelector('#stored .status').textContent = 'Forgotten. A reload will not bring pasted texts back.';
}

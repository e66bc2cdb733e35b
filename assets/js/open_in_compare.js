() => {
  // A row's button puts its abstract and the question into Compare and asks there.
  if (window.biomOpensAbstracts) return;
  window.biomOpensAbstracts = true;
  const fill = (selector, value) => {
    const box = document.querySelector(selector);
    const setter = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
    setter.call(box, value);
    box.dispatchEvent(new Event('input', {bubbles: true}));
  };
  document.addEventListener('click', event => {
    const button = event.target.closest && event.target.closest('.open-abstract');
    if (!button) return;
    const tab = [...document.querySelectorAll('[role=tab]')].find(t => t.textContent.trim() === 'Compare');
    tab.click();
    setTimeout(() => {
      fill('#context textarea', button.dataset.pmid);
      fill('#question textarea', button.dataset.question);
      setTimeout(() => document.querySelector('#ask').click(), 300);
      window.scrollTo({top: 0});
    }, 200);
  });
}

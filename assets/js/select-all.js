// <input type="checkbox" data-select-all="NAME">: ticks every box of that name in its form, and shows when only some are. What
// [data-selected] of the form says follows: the number of ticked boxes.
for (const all of document.querySelectorAll("[data-select-all]")) {
  const form = all.form;
  const boxes = () => [...form.elements].filter((e) => e.type === "checkbox" && e.name === all.dataset.selectAll);
  const tell = () => {
    const ticked = boxes().filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && !all.checked;
    for (const place of form.querySelectorAll("[data-selected]")) place.textContent = ticked;
  };
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    tell();
  });
  form.addEventListener("change", tell);
  all.hidden = false;
  tell();
}

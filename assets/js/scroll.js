// Code and tables that are wider than the page scroll by themselves; the keyboard must reach them to do it.
for (const element of document.querySelectorAll(".prose :is(pre, table)")) {
  if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
}

// <time data-local="…">: the page gives times in UTC; this tells them in the reader's own time zone.
const styles = {
  date: { dateStyle: "medium" },
  "date-time": { dateStyle: "medium", timeStyle: "short" },
  second: { dateStyle: "medium", timeStyle: "medium" },
};
for (const element of document.querySelectorAll("time[data-local]")) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, styles[element.dataset.local]);
  element.title = element.textContent;
  element.textContent = format.format(new Date(element.dateTime));
}

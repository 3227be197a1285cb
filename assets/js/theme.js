// Runs before the first paint, so that a chosen colour scheme does not flash. Without a choice the system's counts.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; then the system's scheme counts.
}

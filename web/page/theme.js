// The light of the page: that of the system, or the reader's choice. A classic script, so that it acts before the first paint.
(() => {
  const KEY = "deltamesh.theme";
  const root = document.documentElement;
  const stored = localStorage.getItem(KEY);
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);

  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("button.theme");
    const tell = () => button.setAttribute("aria-label", isDark() ? "Switch to light" : "Switch to dark");
    tell();
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      localStorage.setItem(KEY, root.dataset.theme);
      tell();
    });
  });
})();

// The light of the page: that of the system, or the reader's choice. A classic script, so that it acts before the first paint.
(() => {
  const KEY = "deltamesh.theme";
  const root = document.documentElement;

  /** Do something with the storage; where the browser does not allow it, or it is full, nothing is kept. */
  const withStorage = (use) => {
    try {
      return use(localStorage);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      return null;
    }
  };
  const stored = withStorage((storage) => storage.getItem(KEY));
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);

  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("button.theme");
    const tell = () => button.setAttribute("aria-label", isDark() ? "Switch to light" : "Switch to dark");
    tell();
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      withStorage((storage) => storage.setItem(KEY, root.dataset.theme));
      tell();
    });
  });
})();

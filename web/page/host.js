/**
 * What people call a machine and its browser. Pure.
 */

const BROWSERS = /** @type {const} */ ([[/Edg(e|A|iOS)?\//, "Edge"], [/OPR\//, "Opera"], [/SamsungBrowser\//, "Samsung Internet"], [/Firefox\/|FxiOS\//, "Firefox"], [/Chrome\/|CriOS\//, "Chrome"], [/Safari\//, "Safari"]]);
const PLATFORMS = /** @type {const} */ ([[/iPhone|iPod/, "iPhone"], [/iPad/, "iPad"], [/Android/, "Android"], [/CrOS/, "ChromeOS"], [/Windows/, "Windows"], [/Mac OS X|Macintosh/, "macOS"], [/Linux/, "Linux"]]);

/** What people call this machine and its browser; no more than they would say. @param {string} agent `navigator.userAgent` */
export function hostOf(agent) {
  const platform = PLATFORMS.find(([mark]) => mark.test(agent))?.[1] ?? "some device";
  const browser = BROWSERS.find(([mark]) => mark.test(agent))?.[1] ?? "a browser";
  return `${platform}, ${browser}`;
}

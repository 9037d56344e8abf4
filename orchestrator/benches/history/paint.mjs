// When a browser shows the first rows of `exp ui`, in milliseconds after it began to load: paint.mjs URL TURNS.
// Needs playwright-core and an installed Chromium (EXP_CHROMIUM).

import { chromium } from "playwright-core";

const [url, turns] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.EXP_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const seen = { paint: [], rows: [], frame: [] };
for (let turn = 0; turn < Number(turns); turn += 1) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (!window.rowsAt && document.querySelector(".runs tbody tr[data-state]")) requestAnimationFrame(() => (window.rowsAt = performance.now()));
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(url);
  await page.waitForFunction(() => window.rowsAt);
  seen.paint.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
  seen.rows.push(await page.evaluate(() => window.rowsAt));
  // The longest frame while all runs pass by.
  const longest = await page.evaluate(async () => {
    const scroller = document.querySelector(".scroller");
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    let [longest, last] = [0, await frame()];
    for (let n = 1; n <= 60; n += 1) {
      scroller.scrollTop = (n / 60) * scroller.scrollHeight;
      const now = await frame();
      longest = Math.max(longest, now - last);
      last = now;
    }
    return longest;
  });
  seen.frame.push(longest);
  await page.close();
}
await browser.close();
console.log(JSON.stringify(seen));

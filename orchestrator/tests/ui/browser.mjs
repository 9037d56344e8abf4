// What the scripts beside it share: a real Chromium, pages of `exp ui` in it, and what is seen there, which is told as JSON.
// Called as SCRIPT URL FOLDER RUNS: pictures go to FOLDER, and the runs lie in RUNS. Needs playwright-core and an installed
// Chromium (EXP_CHROMIUM).

import { chromium } from "playwright-core";

export const [url, folder, runs] = process.argv.slice(2);
export const seen = { errors: [] };
const browser = await chromium.launch({ executablePath: process.env.EXP_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** Opens the page `at` a place of its own, with its list; `answer(route)` gives the list in place of the program. */
export async function open({ at = "", answer, ...options } = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, timezoneId: "UTC", ...options });
  if (answer) await page.route(/\/api\/runs\b/, answer);
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("request", (request) => request.url().startsWith(url) || request.url().startsWith("data:") || seen.errors.push(request.url()));
  await page.goto(url + at);
  await page.waitForSelector(".runs tbody tr[data-state]");
  return page;
}

const texts = (page, cells) => page.$$eval(cells, (cells) => cells.map((cell) => cell.textContent));
export const rows = (page) => texts(page, ".runs tbody tr[data-state] .of-dir");
export const dates = (page) => texts(page, ".runs tbody tr[data-state] .of-date");
export const headings = (page) => texts(page, ".runs thead button");
export const count = (page) => page.textContent(".chooser .quiet");

/** Tells what was seen. */
export async function end() {
  await browser.close();
  console.log(JSON.stringify(seen));
}

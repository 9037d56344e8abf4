// Uses the page of `exp ui` as a person would who sees it for the first time.

import { count, dates, end, folder, open, rows, seen, url } from "./browser.mjs";

// The list without what differs from one test to the next: times, and figures whose last digits are the machine's.
async function still(route) {
  const response = await route.fetch();
  const list = await response.json();
  const dirs = list.runs.map((run) => run.dir).sort();
  for (const run of list.runs) {
    // The newest has the first name.
    Object.assign(run, { started: `2026-01-01T00:00:0${9 - dirs.indexOf(run.dir)}Z`, seconds: 1 });
    if ("fd_pixel" in run.figures) run.figures.fd_pixel = 1;
  }
  await route.fulfill({ response, json: list });
}

const page = await open({ colorScheme: "light", answer: still });
seen.rows = await rows(page);
await page.screenshot({ path: `${folder}/list-light.png` });
// Conditions, by the keyboard.
await page.keyboard.press("/");
await page.keyboard.type("state=done params.x>=2");
seen.filtered = await count(page);
await page.fill("#filter", "params.x");
seen.complaint = await page.textContent("#problem");
await page.fill("#filter", "");
await page.keyboard.press("Escape");
// By a figure, the lowest first.
await page.click("th button:text-is('fd')");
seen.sorted = await rows(page);
// Two runs side by side.
for (const key of ["x", "j", "x", "c"]) await page.keyboard.press(key);
await page.waitForSelector("h1:has-text('2 runs')");
seen.compared = await page.$$eval(".config td:first-child", (cells) => cells.map((cell) => cell.textContent));
seen.lines = await page.$$eval(".chart:first-child polyline", (lines) => lines.length);
await page.screenshot({ path: `${folder}/compare.png`, fullPage: true });
await page.keyboard.press("Escape");
await page.waitForSelector(".runs tbody tr[data-state]");
await page.keyboard.press("s");
await page.waitForSelector(".parallel");
seen.threads = await page.$$eval(".thread", (lines) => lines.length);
seen.most = await page.textContent(".bars th");
await page.screenshot({ path: `${folder}/sweep.png`, fullPage: true });
await page.keyboard.press("Escape");
await page.waitForSelector(".runs tbody tr[data-state]");
// The run that trains while one looks.
await page.fill("#filter", "dir=outputs/live");
await page.click(".of-dir a");
await page.waitForSelector(".chart");
seen.live = await page.textContent("h1 .state");
seen.origin = await page.textContent(".origins td:last-child");
await page.waitForFunction(() => document.querySelector("h1 .state").textContent === "done", null, { timeout: 60000 });
seen.log = await page.textContent(".log");
seen.points = await page.$eval(".chart polyline", (line) => line.getAttribute("points").split(" ").length);
await page.screenshot({ path: `${folder}/run-light.png`, fullPage: true });

const dark = await open({ colorScheme: "dark", answer: still });
await dark.screenshot({ path: `${folder}/list-dark.png` });
seen.dates = await dates(dark);
seen.ground = await dark.$eval("body", (body) => getComputedStyle(body).backgroundColor);
const phone = await open({ viewport: { width: 390, height: 780 }, answer: still });
await phone.screenshot({ path: `${folder}/list-phone.png` });
await phone.goto(`${url}#/run/${encodeURIComponent("outputs/pictures")}`);
await phone.waitForSelector(".previews img");
seen.overflow = await phone.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
const before = await phone.textContent(".previews figcaption");
await phone.focus(".previews input");
await phone.keyboard.press("ArrowLeft");
seen.slider = [before, await phone.textContent(".previews figcaption")];
seen.loaded = await phone.$eval(".previews img", (image) => image.decode().then(() => image.naturalWidth));
await phone.screenshot({ path: `${folder}/run-phone.png` });

await end();

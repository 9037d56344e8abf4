// Uses the list of `exp ui` as a person who works with it every day: by the keyboard, with an order and columns of her own,
// going back and forth, and while runs come and go.

import { cpSync, renameSync } from "node:fs";
import { count, end, headings, open, rows, runs, seen } from "./browser.mjs";

const cursor = (page) => page.textContent(".runs .current .of-dir");
const marked = (page) => page.$$eval(".runs tbody tr[data-state]", (rows) => rows.filter((row) => row.querySelector("input").checked).map((row) => row.querySelector(".of-dir").textContent));
const place = (page) => page.evaluate(() => decodeURIComponent(location.hash));
const listed = (page) => page.waitForSelector(".runs tbody tr[data-state]");
const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};

const page = await open();
const first = await rows(page);
const at = async () => first.indexOf(await cursor(page));
// The keyboard: what it does, and where it does nothing.
seen.cursor = [await at()];
for (const key of ["j", "ArrowDown", "ArrowDown", "k", "ArrowUp"]) {
  await press(page, key);
  seen.cursor.push(await at());
}
await press(page, "c", "?", "j", "x");
seen.help = await page.isVisible("#keys");
await press(page, "Escape");
seen.after = [await page.isVisible("#keys"), await at(), await marked(page)];
await press(page, "/", "j", "x", "Escape");
seen.typed = [await page.inputValue("#filter"), await at(), await marked(page)];
await page.fill("#filter", "");
await press(page, "Escape", "x");
seen.marked = [(await marked(page)).length, await place(page)];
await press(page, "Enter");
await page.waitForSelector("h1 .state");
seen.opened = await place(page);
await press(page, "Escape");
await listed(page);
seen.back = [await at(), (await marked(page)).length];
await press(page, "x");

// Order and columns, which a link takes along.
await page.click("th button:text-is('fd')");
seen.rising = [await place(page), (await rows(page)).indexOf(await cursor(page))];
await page.click("th button:has-text('fd')");
await page.click("summary");
for (const key of ["took", "overrides", "loss"]) await page.click(`.chooser label:text-is(' ${key}') input`);
const link = await place(page);
seen.headings = [await headings(page), link];
const other = await open({ at: (await page.evaluate(() => location.hash)) });
seen.same = JSON.stringify([await rows(other), await headings(other)]) === JSON.stringify([await rows(page), await headings(page)]);
await page.reload();
await listed(page);
seen.reloaded = [await headings(page), await place(page)];
for (const label of await page.$$(".chooser input:checked")) await label.evaluate((box) => box.click());
seen.none = [await headings(page), await place(page)];
await page.reload();
await listed(page);
seen.none.push(await headings(page));
await page.close();

// Back and forth: every place has what was set when one left it.
const again = await open();
await press(again, "s");
await again.waitForSelector(".parallel");
await again.fill("#filter", "params.how=a");
await again.goBack();
await listed(again);
seen.before = [await again.inputValue("#filter"), await count(again)];
await again.goForward();
await again.waitForSelector(".parallel");
seen.forward = [await again.inputValue("#filter"), await again.textContent("h1")];
await again.click("header .home");
await listed(again);
seen.home = [await again.inputValue("#filter"), await count(again)];
await again.close();

// Runs come, end and go while somebody looks: the focus stays, and so do the marks of those that are left.
await other.evaluate(() => (location.hash = "#/?rising=fd&mark=outputs/sweep/4&mark=outputs/sweep/5"));
await other.waitForFunction(() => document.querySelector(".runs tbody tr[data-state] .of-dir").textContent === "outputs/sweep/1");
await other.focus("a:text-is('outputs/sweep/3')");
// The list may be asked for between any two steps: the last one makes what is waited for.
cpSync(`${runs}/sweep/0`, `${runs}/.copy`, { recursive: true });
renameSync(`${runs}/sweep/5`, `${runs}/.gone`);
renameSync(`${runs}/.copy`, `${runs}/copy`);
await other.waitForFunction(() => document.querySelector("a[href$=copy]"));
seen.changed = [await rows(other), await marked(other), await other.evaluate(() => document.activeElement.textContent), await place(other)];
// Who types is left alone by what comes.
await other.focus("#filter");
await other.keyboard.type("params.how=b para");
renameSync(`${runs}/.gone`, `${runs}/sweep/5`);
await other.waitForFunction(() => document.querySelector("a[href$='5']"));
seen.typing = [await other.inputValue("#filter"), await other.evaluate(() => document.activeElement.id), await other.isVisible("#problem")];
await other.close();
await end();

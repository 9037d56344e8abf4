// Looks at what is seldom seen: a run with its pictures and checkpoints, curves of one point and of large numbers, and the
// list on paper.

import { end, open, seen, url } from "./browser.mjs";

const page = await open();
seen.tags = await page.$$eval(".chooser label", (labels) => labels.filter((label) => label.textContent === " tags").length);
const of = async (dir) => {
  await page.goto(`${url}#/run/${encodeURIComponent(`outputs/${dir}`)}`);
  await page.waitForSelector(`h1:has-text('${dir}')`);
};
await of("pictures");
seen.facts = await page.$$eval(".facts th", (names) => Object.fromEntries(names.map((name) => [name.textContent, name.nextSibling.textContent])));
seen.captions = await page.$$eval("figcaption", (captions) => captions.map((caption) => caption.textContent).filter((text) => /samples|step/.test(text)));
seen.loaded = await page.$$eval(".pictures img", (images) => Promise.all(images.map((image) => image.decode().then(() => image.naturalWidth > 8))));

await of("point");
seen.dots = await page.$$eval(".chart circle", (dots) => dots.map((dot) => dot.getBoundingClientRect().width > 4));
seen.levels = await page.$$eval(".chart", ([chart]) => [...chart.querySelectorAll(".tick.end")].map((tick) => [tick.textContent, tick.getBoundingClientRect().left >= chart.getBoundingClientRect().left]));
await page.close();

// Two thousand runs, of which a part is printed, and all are there again afterwards.
const many = await open({
  async answer(route) {
    const response = await route.fetch();
    const list = await response.json();
    list.runs = Array.from({ length: 2000 }, (_, at) => ({ ...list.runs[at % list.runs.length], dir: `outputs/many/${at}` }));
    await route.fulfill({ response, json: list });
  },
});
const printed = () => many.$$eval(".runs tbody tr[data-state]", (rows) => rows.length);
seen.shown = await printed();
await many.evaluate(() => addEventListener("beforeprint", () => (window.paper = [document.querySelectorAll(".runs tbody tr[data-state]").length, document.querySelector("section > p").textContent])));
seen.pdf = (await many.pdf()).subarray(0, 4).toString();
seen.paper = await many.evaluate(() => window.paper);
seen.again = [await printed(), await many.isVisible("section > p")];
await end();

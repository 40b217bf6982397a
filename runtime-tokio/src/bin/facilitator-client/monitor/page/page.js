// Keeps the status page up to date: replaces the parts that have changed, and writes how long ago things were.
"use strict";
(() => {
  const link = document.getElementById("link");
  // What the program's clock said, and this page's clock at the same moment.
  let theirs = Number(document.body.dataset.now);
  let ours = performance.now();
  let heard = ours;
  let title = document.title;

  // As the program writes it.
  const length = (ms) => {
    const s = Math.floor(Math.max(ms, 0) / 1000);
    const [min, h, d] = [60, 3600, 86400].map((unit) => Math.floor(s / unit));
    if (d) return `${d} d ${h % 24} h`;
    if (h) return `${h} h ${min % 60} min`;
    if (min) return `${min} min ${s % 60} s`;
    return `${s} s`;
  };

  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const ages = () => {
    const now = theirs + performance.now() - ours;
    for (const e of document.querySelectorAll("[data-since]")) put(e, length(now - e.dataset.since));
    for (const e of document.querySelectorAll("[data-until]")) put(e, length(e.dataset.until - now));
  };

  const clocks = (root) => {
    for (const e of root.querySelectorAll("time[datetime]")) {
      const at = new Date(e.dateTime);
      put(e, at.toLocaleTimeString([], { hour12: false }));
      e.title = at.toLocaleString();
    }
  };

  let source;
  const say = (live) => {
    document.body.classList.toggle("live", live);
    document.body.classList.toggle("stale", !live);
    // A page in the background is seen by its title.
    document.title = live ? title : `out of date · ${title}`;
    const why = source.readyState === EventSource.CLOSED
      ? "the program is gone, or too many of its pages are open; it is asked again"
      : "the program does not answer";
    put(link, live ? "live" : `out of date for ${length(performance.now() - heard)}: ${why}`);
  };

  const take = (message) => {
    const update = JSON.parse(message.data);
    theirs = update.now;
    ours = heard = performance.now();
    title = update.title;
    for (const { id, html } of update.sections) {
      const section = document.getElementById(id);
      // Escaped where it was written.
      section.innerHTML = html;
      clocks(section);
    }
    ages();
    say(true);
  };

  const follow = () => {
    source = new EventSource("live");
    source.onmessage = take;
    source.onerror = () => {
      say(false);
      // After a lost connection the browser goes on by itself; after a refusal it does not.
      if (source.readyState === EventSource.CLOSED) setTimeout(follow, 5000);
    };
  };
  follow();

  clocks(document);
  ages();
  setInterval(() => {
    ages();
    // Something comes every ten seconds.
    if (source.readyState !== EventSource.OPEN || performance.now() - heard > 25000) say(false);
  }, 1000);
})();

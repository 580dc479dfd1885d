// What the server cannot render: ages that tick, the state of the connection, the log that follows its end.
"use strict";
(() => {
  const offsetMs = Date.parse(document.documentElement.dataset.now) - Date.now();
  const nowMs = () => Date.now() + offsetMs;
  const two = (value) => String(value).padStart(2, "0");

  const clockText = (seconds) => {
    const days = Math.floor(seconds / 86400), rest = seconds % 86400;
    const clock = `${Math.floor(rest / 3600)}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
    return days ? `${days} d ${clock}` : clock;
  };
  const ageText = (seconds) => {
    if (seconds < 100) return `${seconds} s ago`;
    if (seconds < 6000) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
  };

  const tick = () => {
    for (const element of document.querySelectorAll("time[data-since]")) {
      const seconds = Math.max(0, Math.floor((nowMs() - Date.parse(element.dateTime)) / 1000));
      element.textContent = element.dataset.since === "clock" ? clockText(seconds) : ageText(seconds);
    }
    const clock = document.getElementById("clock");
    clock.textContent = new Date(nowMs()).toISOString().slice(0, 19).replace("T", " ");
  };
  tick();
  setInterval(tick, 1000);

  const setLost = (lost) => {
    document.getElementById("link").hidden = !lost;
    document.getElementById("live")?.classList.toggle("is-old", lost);
  };
  const isPoll = (event) => event.target instanceof Element && event.target.hasAttribute("data-poll");
  document.addEventListener("htmx:error", (event) => { if (isPoll(event)) setLost(true); });
  document.addEventListener("htmx:response:error", (event) => { if (isPoll(event)) setLost(true); });
  document.addEventListener("htmx:after:request", (event) => {
    if (isPoll(event)) setLost(event.detail.ctx.response.status >= 400);
  });

  let followsLog = true;
  const log = () => document.getElementById("log");
  const followLog = () => { if (log() && followsLog) log().scrollTop = log().scrollHeight; };
  document.addEventListener("htmx:before:swap", () => {
    if (log()) followsLog = log().scrollHeight - log().scrollTop - log().clientHeight < 30;
  });
  document.addEventListener("htmx:after:swap", () => { tick(); followLog(); });
  followLog();
})();

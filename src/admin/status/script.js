"use strict";
(() => {
  const every = 5000;
  const turn = async () => {
    if (document.hidden) return;
    try {
      const response = await fetch("/status", { cache: "no-store", signal: AbortSignal.timeout(every) });
      if (!response.ok) throw new Error(String(response.status));
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("main");
      if (!fresh) throw new Error("no page");
      for (const open of document.querySelectorAll("details[open]")) {
        const same = fresh.querySelector("#" + CSS.escape(open.id));
        if (same) same.open = true;
      }
      const focused = document.activeElement && document.activeElement.closest("details");
      document.querySelector("main").replaceWith(document.adoptNode(fresh));
      if (focused) {
        const same = document.getElementById(focused.id);
        if (same) same.querySelector("summary").focus({ preventScroll: true });
      }
      document.body.classList.remove("stale");
    } catch {
      document.body.classList.add("stale");
    }
  };
  setInterval(turn, every);
  document.addEventListener("visibilitychange", turn);
})();

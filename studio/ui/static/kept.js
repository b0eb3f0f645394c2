// The visitor's earlier runs: who the visitor is, which run the address names, and the list.
//
// In the page's head, so that it is there before gradio asks. Python learns what is wanted with
// window.keptRuns.said(); which run the page shows comes back as the prop "shown" of #kept-host.
window.keptRuns = (() => {
  const KEY = "studio-visitor";
  let token = "", host = null, count = 12, asked = {};

  // At once and in the browser, or two pages opened together would be two visitors.
  function visitor() {
    try { token = localStorage.getItem(KEY) || token; } catch { /* no storage: this page alone */ }
    if (!token) {
      token = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24)))).replace(/\+/g, "-").replace(/\//g, "_");
      try { localStorage.setItem(KEY, token); } catch { /* as above */ }
    }
    return token;
  }

  const wanted = () => new URLSearchParams(location.search).get("run") || "";
  const said = () => ({ visitor: visitor(), run: wanted(), count, ...asked });

  function address(run) {
    const url = new URL(location);
    if (run) url.searchParams.set("run", run); else url.searchParams.delete("run");
    return url;
  }

  function go(run) {  // one step of the browser's history
    if (run !== wanted()) history.pushState(null, "", address(run));
  }

  function tell(event, what = {}) { asked = what; if (host) host(event); }

  const list = () => document.getElementById("history");
  const picked = () => [...list().querySelectorAll("[data-act=pick]:checked")].map((box) => box.value);

  function act(event) {
    const control = event.target.closest("#history [data-act]");
    if (!control) return;
    const act = control.dataset.act, run = control.dataset.run;
    if (act === "open") {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;  // a tab of its own
      event.preventDefault();
      go(run);
      tell("opened");
      document.getElementById("status")?.scrollIntoView({ block: "nearest" });
    } else if (act === "delete") {
      if (confirm(_("Delete this answer? Its link will show nothing any more."))) tell("removed", { ids: [run] });
    } else if (act === "more") {
      count += 12;
      tell("listed");
    } else if (act === "compare") {
      tell("compared", { ids: picked() });
    } else if (act === "pick") {
      const chosen = picked();
      for (const box of list().querySelectorAll("[data-act=pick]")) box.disabled = chosen.length > 1 && !box.checked;
      list().querySelector("[data-act=compare]").disabled = chosen.length !== 2;
    }
  }

  function shows(shown) {  // by "open" the address came first
    if (shown && shown.by !== "open") go(shown.run);
  }

  async function copy() {
    const url = address(wanted()).href, button = document.getElementById("copy-link");
    const told = (text) => { document.getElementById("link-note").textContent = text; };
    try { await navigator.clipboard.writeText(url); told(_("Link copied: whoever has it sees this answer.")); }
    catch { told(url); }  // without https there is no clipboard
    button?.focus();
  }

  // A page that was open while the studio was started again has lost its picture there.
  async function check() {
    const mine = window.gradio_config?.app_id;
    if (!mine || document.hidden || document.getElementById("restarted")) return;
    const root = (window.gradio_config.root || "").replace(/\/$/, "");
    let theirs;
    try { theirs = (await (await fetch(`${root}/gradio_api/app_id`, { signal: AbortSignal.timeout(5000) })).json()).app_id; } catch { return; }
    if (String(theirs) === String(mine)) return;
    const bar = Object.assign(document.createElement("div"), { id: "restarted" });
    bar.setAttribute("role", "alert");
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: _("Reload") });
    button.addEventListener("click", () => location.reload());
    bar.append(_("The studio was started again. Reload the page to go on; your answers are kept."), button);
    document.body.prepend(bar);
  }

  document.addEventListener("click", act);
  // Back pressed twice opens one run: two that arrive at once could end with the first.
  let steps = 0;
  window.addEventListener("popstate", () => { clearTimeout(steps); steps = setTimeout(() => tell("opened"), 250); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { check(); tell("listed"); } });
  window.addEventListener("focus", check);
  setInterval(check, 10000);
  return { said, shows, copy, join: (trigger) => { host = trigger; } };
})();

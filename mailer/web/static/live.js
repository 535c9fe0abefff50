// Has the living parts of a page made anew as soon as the service says that something changed. They look by themselves
// every few seconds where nothing can be said; and now and then all the same, for time goes by.
(() => {
  const OFTEN_ENOUGH = 10_000;
  let line = null, looked = 0;

  const look = () => {
    looked = performance.now();
    for (const part of document.querySelectorAll("[data-living]")) htmx.trigger(part, "changed");
  };

  // a page that nobody sees listens to nothing: a browser has few lines to one place
  const listen = () => {
    if (document.hidden) {
      line?.close();
      line = null;
    } else if (!line) {
      line = new EventSource("/live");
      line.addEventListener("changed", look);
    }
  };

  document.addEventListener("htmx:before:request", event => {
    const isByTheClock = event.detail.ctx.sourceEvent?.type === "every";
    if (isByTheClock && line?.readyState === EventSource.OPEN && performance.now() - looked < OFTEN_ENOUGH) event.preventDefault();
  });
  document.addEventListener("visibilitychange", listen);
  listen();
})();

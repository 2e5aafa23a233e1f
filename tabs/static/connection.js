// When the server is out of reach. Gradio would stop all buttons, and reload the page as soon as the server is
// back: settings and drawings would be gone, and the run of a phone that was locked. So Gradio does not hear of
// it: what it waits for is ended here as if the server had said so, the page says what happened and asks until
// the server answers, and takes the run up again.
(() => {
  const ASK = new URL("gradio_api/app_id", document.baseURI).href; // which start of the server answers
  const GONE =
    "The server does not answer. Settings and drawings stay on this page, and it goes on by itself when the " +
    "server is back.";
  const ANEW =
    "The server was started anew. Settings and drawings on this page are still here; a run that was under way " +
    "is lost. Press Run.";
  const FULL = "Too many people press at once: the line is full. Nothing is lost. Press Run again in a moment.";
  const LONG = 4000; // milliseconds in which a hidden page may have lost its connection

  const server = window.fetch.bind(window);
  let known = window.gradio_config?.app_id;
  let waiting = false;
  let hidden = 0;

  const say = (text, canClose) => {
    let banner = document.querySelector("#connection");
    if (!banner) {
      banner = document.createElement("div");
      banner.id = "connection";
      banner.setAttribute("role", "alert");
      document.body.append(banner);
    }
    banner.hidden = !text;
    banner.textContent = text;
    if (canClose) {
      const close = document.createElement("button");
      close.type = "button";
      close.textContent = "Close";
      close.addEventListener("click", () => (banner.hidden = true));
      banner.append(close);
    }
  };

  const back = () => {
    for (const toast of document.querySelectorAll(".toast-body.error"))
      if (/Connection/.test(toast.textContent)) toast.querySelector("button")?.click();
    if (document.querySelector(".status .going")) document.querySelector("#take-up")?.click();
  };

  // Ask until the server answers; then go on where we were.
  const wait = async () => {
    if (waiting) return;
    waiting = true;
    let now;
    while (now === undefined) {
      try {
        const answer = await server(ASK, { cache: "no-store" });
        if (!answer.ok) throw new Error(answer.statusText);
        now = (await answer.json()).app_id;
      } catch {
        say(GONE);
        await new Promise((done) => setTimeout(done, 2000));
      }
    }
    waiting = false;
    const anew = known !== undefined && now !== known;
    known = now;
    if (anew) say(ANEW, true);
    else if (document.querySelector("#connection")?.textContent === GONE) say("");
    back();
  };

  // What Gradio waits for: the ids of events that have begun and not ended.
  const pending = new Set();
  const bytes = new TextEncoder();
  const message = (said) => bytes.encode(`data: ${JSON.stringify(said)}\n\n`);
  const endings = () => {
    const ends = [...pending].map((event_id) =>
      message({ msg: "process_completed", event_id, success: false, output: { error: GONE, visible: false } }),
    );
    pending.clear();
    return [...ends, message({ msg: "close_stream" })];
  };

  // The stream of all that the server says, as it comes; if it breaks, the messages that end it.
  const mended = (answer) => {
    const reader = answer.body.getReader();
    const text = new TextDecoder();
    let rest = "";
    let closed = false;
    const whole = (chunk) => {
      const said = (rest + text.decode(chunk, { stream: true })).split("\n\n");
      rest = said.pop(); // a message that is still coming
      for (const each of said) {
        const head = each.slice(0, 200);
        if (head.includes('"close_stream"')) closed = true;
        if (head.includes('"process_completed"')) pending.delete(/"event_id":"(\w+)"/.exec(head)?.[1]);
      }
      return bytes.encode(said.map((each) => `${each}\n\n`).join(""));
    };
    const body = new ReadableStream({
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(whole(value));
          if (closed) return controller.close();
        } catch (error) {
          if (error.name === "AbortError") return controller.error(error);
        }
        for (const end of endings()) controller.enqueue(end);
        controller.close();
        wait();
      },
      cancel: (why) => reader.cancel(why),
    });
    return new Response(body, { status: answer.status, headers: answer.headers });
  };
  const severed = () => new Response(new Blob(endings()), { headers: { "content-type": "text/event-stream" } });
  const refused = () => Response.json({ detail: GONE }, { status: 500 });

  window.fetch = async (input, options) => {
    const url = String(input?.url ?? input);
    const joins = url.includes("/queue/join");
    const listens = url.includes("/queue/data");
    try {
      const answer = await server(input, options);
      if (joins && answer.status === 503) say(FULL, true);
      if (joins && answer.ok) pending.add((await answer.clone().json()).event_id);
      return listens && answer.ok ? mended(answer) : answer;
    } catch (error) {
      if (error.name === "AbortError" || new URL(url, location.href).origin !== location.origin) throw error;
      wait();
      if (joins) return refused();
      if (listens) return severed();
      throw error;
    }
  };

  window.addEventListener("offline", wait);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hidden = Date.now();
    else if (hidden && Date.now() - hidden > LONG && document.querySelector(".status .going")) wait();
  });
})();

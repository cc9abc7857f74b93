// All runs with the queue; with ?id= one run, live; with ?ids= or ?sweep= some side by side. The parts are in runs/.
(() => {
  "use strict";
  Studio.define("runs", (ctx) => {
    const query = Studio.query();
    if (query.ids || query.sweep) Studio.runs.compare(ctx, query);
    else if (Number(query.id)) Studio.runs.one(ctx, Number(query.id));
    else Studio.runs.all(ctx);
  });
})();

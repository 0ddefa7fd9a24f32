"use strict";
// The page: what the user sees and does. Texts of the file are only ever written as text.

(function () {
  const model = self.keraslightModel, TOP = 5;
  const {fromPixels, fitted, quantized} = self.keraslightPicture;
  const {open, refusal, bytesOf} = self.keraslightRuntime;
  const element = (id) => document.getElementById(id);
  const state = element("state"), sessions = [], tests = [];
  let figures = null;

  function tell(text, kind = "") {
    state.textContent = text;
    state.className = kind;
  }

  function addRow(table, cells, kind = "") {
    const row = element(table).tBodies[0].insertRow();
    row.className = kind;
    for (const cell of cells) row.insertCell().textContent = cell;
  }

  // Returns the real values of the bytes of the output.
  function realValues(bytes) {
    const {type, scale, zero_point: zero} = model.output;
    if (type === "float32") return [...new Float32Array(bytes.buffer)];
    const integers = type === "int8" ? new Int8Array(bytes.buffer) : bytes;
    return [...integers].map((value) => (value - zero) * scale);
  }

  function probabilities(values) {
    if (!model.softmax) return values;
    const highest = Math.max(...values);
    const powers = values.map((value) => Math.exp(value - highest));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
  }

  // Compares a session with what was computed when the page was made.
  async function selfTest(session) {
    const exact = model.output.type !== "float32";
    let equal = 0, all = 0, largest = 0;
    for (const {input, output} of model.tests) {
      const expected = realValues(bytesOf(output));
      const found = realValues(await session.run(bytesOf(input)));
      found.forEach((value, i) => {
        const difference = Math.abs(value - expected[i]);
        all += 1;
        equal += difference === 0 ? 1 : 0;
        largest = Math.max(largest, difference);
      });
    }
    const passed = exact ? equal === all : largest <= model.tolerance;
    return {runtime: session.runtime.title, exact, equal, all, largest, passed};
  }

  function preprocessingIsEqual() {
    const {width, height, pixels, input} = model.picture;
    const picture = fromPixels(bytesOf(pixels), height, width, model.preprocessing.channels);
    const found = quantized(fitted(picture, model.preprocessing), model.preprocessing, model.input);
    const expected = bytesOf(input);
    return found.length === expected.length && found.every((byte, i) => byte === expected[i]);
  }

  async function classify(source) {
    const canvas = document.createElement("canvas");
    canvas.width = source.videoWidth || source.width;
    canvas.height = source.videoHeight || source.height;
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(source, 0, 0);
    const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
    const picture = fromPixels(data, canvas.height, canvas.width, model.preprocessing.channels);
    const input = quantized(fitted(picture, model.preprocessing), model.preprocessing, model.input);
    const begin = performance.now();
    const output = await sessions[0].run(input);
    const milliseconds = performance.now() - begin;
    show(probabilities(realValues(output)), milliseconds);
  }

  function show(scores, milliseconds) {
    const best = scores.map((score, i) => ({score, name: model.names[i]}));
    best.sort((a, b) => b.score - a.score);
    element("classes").replaceChildren(...best.slice(0, TOP).map(({score, name}) => {
      const item = document.createElement("li");
      const label = document.createElement("span");
      const bar = document.createElement("meter");
      const value = document.createElement("output");
      label.textContent = name;
      bar.value = score;
      value.textContent = `${(100 * score).toFixed(1)} %`;
      item.append(label, bar, value);
      return item;
    }));
    element("time").textContent = `${milliseconds.toFixed(2)} ms, ${sessions[0].runtime.title}`;
  }

  async function classifyFile(file) {
    try {
      // without turning and without colour profiles, as Pillow reads it
      const picture = await createImageBitmap(
        file, {imageOrientation: "none", colorSpaceConversion: "none", premultiplyAlpha: "none"});
      stopCamera();
      const shown = element("shown");
      URL.revokeObjectURL(shown.src);
      shown.src = URL.createObjectURL(file);
      shown.hidden = false;
      await classify(picture);
    } catch (error) {
      tell(`The picture cannot be read: ${error.message}`, "bad");
    }
  }

  let stream = null;

  function stopCamera() {
    if (stream) stream.getTracks().forEach((track) => track.stop());
    stream = null;
    element("video").hidden = true;
    element("camera").textContent = "use the camera";
  }

  async function useCamera() {
    if (stream) return stopCamera();
    try {
      stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment"}});
    } catch (error) {
      tell(`The camera cannot be used: ${error.message}`, "bad");
      return undefined;
    }
    const video = element("video");
    video.srcObject = stream;
    video.hidden = false;
    element("shown").hidden = true;
    element("camera").textContent = "stop the camera";
    await video.play();
    while (stream) {
      await classify(video);
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return undefined;
  }

  async function measure() {
    element("measure").disabled = true;
    element("latencies").tBodies[0].replaceChildren();
    stopCamera();
    const results = await self.keraslightFigures.measure(
      sessions, bytesOf(model.tests[0].input), (text) => tell(text));
    for (const result of results) {
      addRow("latencies", [result.delegate, result.threads, `${result.latency_ms.toFixed(2)} ms`,
        `${result.p90_ms.toFixed(2)} ms`, `${result.first_ms.toFixed(1)} ms`]);
    }
    const noisy = results.filter((result) => result.spread > 0.05);
    const warnings = noisy.map((result) => `noisy: the rounds of ${result.delegate} lie ` +
      `${(100 * result.spread).toFixed(0)} % apart`);
    element("advice").textContent = warnings.join("; ");
    figures = self.keraslightFigures.document_of(results, tests, warnings);
    tell("Measured.");
    element("measure").disabled = element("save").disabled = false;
  }

  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(
      new Blob([JSON.stringify(figures, null, 1)], {type: "application/json"}));
    link.download = `${model.facts.name.replace(/\.tflite$/, "")}_browser.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  async function start() {
    document.title = element("name").textContent = model.facts.name;
    element("about").textContent = model.about;
    const preprocessing = preprocessingIsEqual();
    const file = bytesOf(model.file);
    for (const runtime of model.runtimes) {
      const reason = refusal(runtime);
      if (reason) {
        addRow("tests", [runtime.title, `not run: ${reason}`, ""]);
        continue;
      }
      try {
        const session = await open(runtime, file);
        const test = {...await selfTest(session), preprocessing};
        tests.push(test);
        sessions.unshift(session); // the last that runs is the fastest
        addRow("tests", [test.runtime, test.exact
          ? `${test.equal} of ${test.all} equal`
          : `largest difference ${test.largest.toExponential(1)}`,
        preprocessing ? "equal" : "differs"], test.passed && preprocessing ? "good" : "bad");
      } catch (error) {
        tests.push({runtime: runtime.title, passed: false, error: String(error)});
        addRow("tests", [runtime.title, String(error), ""], "bad");
      }
    }
    if (!sessions.length) {
      tell("No runtime runs in this browser; the table says why.", "bad");
      return;
    }
    const passed = tests.every((test) => test.passed && test.preprocessing);
    tell(passed ? "Ready: this browser computes what was computed when the page was made."
      : "This browser computes something else than was computed when the page was made: see the " +
        "self-test.", passed ? "good" : "bad");
    element("measure").disabled = false;
    document.documentElement.dataset.ready = passed ? "passed" : "failed";
  }

  const drop = element("drop");
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) classifyFile(event.dataTransfer.files[0]);
  });
  element("file").addEventListener("change", (event) => {
    if (event.target.files.length) classifyFile(event.target.files[0]);
  });
  element("camera").addEventListener("click", useCamera);
  element("measure").addEventListener("click", measure);
  element("save").addEventListener("click", save);
  start().catch((error) => tell(`The page cannot start: ${error.message}`, "bad"));
})();

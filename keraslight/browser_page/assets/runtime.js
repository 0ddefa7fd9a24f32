"use strict";
// Runs a .tflite file with LiteRT's WebAssembly, without its JavaScript interface, which takes no
// int8 tensors. Nothing is fetched: scripts hold the bytes, so the page also opens as a file.

(function () {
  const factories = {};

  function bytesOf(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  }

  function loadScript(name) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = name;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${name} is missing in the folder of the page`));
      document.body.append(script);
    });
  }

  async function factoryOf(runtime) {
    if (!factories[runtime.name]) {
      await loadScript(`runtime/${runtime.name}.bytes.js`);
      await loadScript(`runtime/${runtime.script}`);
      factories[runtime.name] = self.ModuleFactory;
      self.ModuleFactory = undefined;
    }
    return factories[runtime.name];
  }

  // Loads a runtime and prepares a file.
  async function open(runtime, file) {
    const began = performance.now(), messages = [];
    const factory = await factoryOf(runtime);
    const module = await factory({
      wasmBinary: bytesOf(self.keraslightBytes[runtime.name]),
      print: () => {},
      printErr: (message) => messages.push(message),
    });
    const threads = runtime.threads ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
    module.setupLogging();
    const environment = module.LiteRtEnvironment.create(null);
    const place = module._malloc(file.length);
    module.HEAPU8.set(file, place);
    const model = module.loadModel(environment, place, file.length);
    const compiled = await module.compileModel(environment, model, {
      environment, accelerator: "wasm", cpuOptions: {numThreads: threads}, gpuOptions: {},
      webNNOptions: {},
    });
    const type = model.getInputTensorType(0, 0);
    const input = module.LiteRtTensorBuffer.createManaged(
      environment, module.LiteRtTensorBufferType.HOST_MEMORY, type, type.bytes());
    const modes = module.LiteRtTensorBufferLockMode;

    // Takes the bytes of the input tensor and returns those of the output tensor.
    async function run(bytes) {
      if (bytes.length !== type.bytes()) {
        throw new Error(`The input has ${type.bytes()} bytes. Received: ${bytes.length}`);
      }
      module.HEAPU8.set(bytes, input.lock(modes.WRITE));
      input.unlock();
      const [output, ...others] = await compiled.run(0, [input]);
      const from = output.lock(modes.READ);
      const result = module.HEAPU8.slice(from, from + output.packedSize());
      output.unlock();
      for (const tensor of [output, ...others]) tensor.delete();
      return result;
    }

    return {runtime, threads, run, messages, initMilliseconds: performance.now() - began};
  }

  // The smallest modules with one instruction of each proposal.
  const RELAXED = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13,
    0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11];

  // Returns why a runtime cannot run here, or null.
  function refusal(runtime) {
    if (runtime.relaxed && !WebAssembly.validate(new Uint8Array(RELAXED))) {
      return "this browser does not have relaxed SIMD";
    }
    if (runtime.threads && !self.crossOriginIsolated) {
      return "threads need a page that `keraslight page --serve` serves to this computer";
    }
    return null;
  }

  self.keraslightRuntime = {open, refusal, bytesOf};
})();

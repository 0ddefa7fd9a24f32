"use strict";
// Times a session, and puts all figures into the form that `keraslight report` reads.

(function () {
  const WARMUP = 10, RUNS = 30, ROUNDS = 3;

  function percentile(sorted, share) {
    const place = (sorted.length - 1) * share, below = Math.floor(place);
    const above = Math.min(sorted.length - 1, below + 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
  }

  function roundOf(milliseconds) {
    const sorted = [...milliseconds].sort((a, b) => a - b);
    return {
      runs: sorted.length,
      mean_ms: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
      median_ms: percentile(sorted, 0.5),
      p90_ms: percentile(sorted, 0.9),
      min_ms: sorted[0],
      max_ms: sorted[sorted.length - 1],
    };
  }

  // A browser's clock has coarse ticks: as many runs are timed together as take 20 of them.
  function tick() {
    let least = Infinity;
    for (let i = 0; i < 20; i++) {
      const begin = performance.now();
      let now = begin;
      while (now === begin) now = performance.now();
      least = Math.min(least, now - begin);
    }
    return least;
  }

  async function timed(session, input, times) {
    const begin = performance.now();
    for (let i = 0; i < times; i++) await session.run(input);
    return (performance.now() - begin) / times;
  }

  async function measure(sessions, input, tell) {
    const results = [];
    for (const session of sessions) {
      tell(`warming up: ${session.runtime.title}`);
      const first = await timed(session, input, 1);
      const typical = await timed(session, input, WARMUP);
      const together = Math.max(1, Math.ceil(20 * tick() / Math.max(typical, 1e-3)));
      results.push({session, first, together, rounds: []});
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const result of results) {
        tell(`round ${round + 1} of ${ROUNDS}: ${result.session.runtime.title}`);
        await new Promise((resolve) => setTimeout(resolve, 0)); // let the page draw
        const times = [];
        for (let i = 0; i < RUNS; i++) {
          times.push(await timed(result.session, input, result.together));
        }
        result.rounds.push(roundOf(times));
      }
    }
    return results.map(({session, first, together, rounds}) => {
      const medians = rounds.map((round) => round.median_ms).sort((a, b) => a - b);
      const latency = percentile(medians, 0.5);
      return {
        model: self.keraslightModel.facts.name,
        threads: session.threads,
        delegate: session.runtime.title,
        rounds, statistic: "median", latency_ms: latency,
        spread: (medians[medians.length - 1] - medians[0]) / latency,
        p90_ms: percentile(rounds.map((round) => round.p90_ms).sort((a, b) => a - b), 0.5),
        init_ms: session.initMilliseconds, first_ms: first, peak_memory_mb: null,
        facts: {runs_timed_together: together}, profile: [], error: null,
      };
    });
  }

  function document_of(results, tests, warnings) {
    return {
      kind: "benchmark",
      command: self.keraslightModel.command,
      created: new Date().toISOString(),
      complete: true,
      models: [self.keraslightModel.facts],
      runs: [{
        device: {
          name: navigator.userAgent, browser: navigator.userAgent,
          cores: navigator.hardwareConcurrency || null, isolated: self.crossOriginIsolated,
        },
        settings: {runtime: self.keraslightModel.runtime, runs: RUNS, warmup: WARMUP},
        warnings, results,
      }],
      self_test: tests,
    };
  }

  self.keraslightFigures = {measure, document_of};
})();

// ONNX Runtime answers each line of standard input with "CLOCK_MS CPU_MS" of a run.
//   node peer_ort.cjs LIBRARY MODEL.onnx THREADS
const [, , library, model, threads] = process.argv;
const ort = require(library);

const fill = (dims) => {
  const n = dims.reduce((a, b) => a * b, 1), data = new Float32Array(n);
  let state = 1;
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state >>> 8) / 16777216;
  }
  return new ort.Tensor('float32', data, dims);
};

(async () => {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'], intraOpNumThreads: +threads, interOpNumThreads: 1, graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const feeds = {};
  const shapes = JSON.parse(process.env.SHAPES);
  for (const name of session.inputNames) feeds[name] = fill(shapes[name]);
  await session.run(feeds);
  console.log('ready');
  for await (const _ of require('readline').createInterface({ input: process.stdin })) {
    const cpu = process.cpuUsage(), start = process.hrtime.bigint();
    await session.run(feeds);
    const ms = Number(process.hrtime.bigint() - start) / 1e6, used = process.cpuUsage(cpu);
    console.log(`${ms} ${(used.user + used.system) / 1e3}`);
  }
})().catch((e) => { console.log(`no ${String(e.message).slice(0, 200).replace(/\n/g, ' ')}`); process.exit(1); });

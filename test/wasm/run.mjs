// Runs the tests of a WebAssembly build under Node: two programs at a time.
//
//     node test/wasm/run.mjs build-wasm [NAME...]     programs whose name contains a NAME
//
// A program sees the repository as ".", and as "/corpora" and "/oracle" what PARQUEDB_CORPORA and
// PARQUEDB_ORACLE name (else ../shared/corpora and ../shared/oracle), if it is there. A program whose
// output does not end with `N passed, N failed`, or that traps, has failed. Prints a line each, what
// tools/wasm-build.sh had to leave out, and the sum.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WASI } from 'node:wasi';

const SELF = fileURLToPath(import.meta.url);
const ROOT = resolve(dirname(SELF), '../..');
const AT_ONCE = 2;
const TIME_MAX_MS = 600000;
// The longest first.
const SPEC_RUNS = [['--share', '1', '2', 'test/spec', 'faults'],
                   ['--share', '2', '2', 'test/spec', 'faults'],
                   ...['cases', 'direct', 'steps', 'property', 'graph', 'forecast', 'travel']
                     .map((part) => ['test/spec', part])];

// In a process of its own: the program, with standard output and error as they are.
async function runProgram(path, args) {
  const preopens = { '.': ROOT };
  const env = {};
  for (const [name, folder] of [['PARQUEDB_CORPORA', 'corpora'], ['PARQUEDB_ORACLE', 'oracle']]) {
    const there = process.env[name] ?? join(ROOT, '../shared', folder);
    env[name] = `/${folder}`;
    if (existsSync(there)) preopens[`/${folder}`] = there;
  }
  const wasi = new WASI({ version: 'preview1', args: [basename(path), ...args], env, preopens,
                          returnOnExit: true });
  const { instance } = await WebAssembly.instantiate(
    readFileSync(path), { wasi_snapshot_preview1: wasi.wasiImport });
  process.exitCode = wasi.start(instance);
}

function runChild(path, args) {
  // Node 20 now and then dies in its collector after a program with a large memory has ended well,
  // most often on a busy machine; not with a collector of one thread.
  const command = ['--no-warnings', '--single-threaded-gc', SELF, '--one', path, ...args];
  const options = { timeout: TIME_MAX_MS, maxBuffer: 64 << 20 };
  return new Promise((done) => {
    execFile(process.execPath, command, options, (error, out, err) => {
      done({ status: error ? error.code ?? 1 : 0, out, err });
    });
  });
}

async function runTest(path, args, total) {
  const name = [basename(path, '.wasm'), ...args.filter((a) => a !== 'test/spec')].join(' ');
  const start = Date.now();
  const { status, out, err } = await runChild(path, args);
  const last = out.trimEnd().split('\n').pop();
  const m = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(last);
  const [passed, failed, skipped] = m ? m.slice(1).map((n) => Number(n ?? 0)) : [0, 0, 0];
  const isBroken = !m || (status !== 0 && failed === 0);
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  console.log(`${name.padEnd(28)} ${passed} passed, ${failed + (isBroken ? 1 : 0)} failed, ` +
              `${seconds} s`);
  for (const line of out.split('\n')) if (/^skipped|^corpora/.test(line)) console.log(`    ${line}`);
  if (isBroken || failed > 0) {
    console.log(isBroken ? `${name}: ended with status ${status}` : `${name}: failed`);
    console.log((out + err).split('\n').slice(-25).join('\n'));
  }
  total.passed += passed;
  total.failed += failed + (isBroken ? 1 : 0);
  total.skipped += skipped;
}

async function main(folder, wanted) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const names = readFileSync(join(folder, 'programs.txt'), 'utf8').trim().split('\n')
    .filter((n) => wanted.length === 0 || wanted.some((w) => n.includes(w))).sort();
  // The longest first: the parts of `spec`, each a process of its own.
  const runsOf = (n) => (n === 'spec' ? SPEC_RUNS : [[]]);
  const waiting = names.flatMap((n) => runsOf(n).map((a) => [join(folder, 'tests', `${n}.wasm`), a]));
  waiting.sort((a, b) => b[1].length - a[1].length);
  const worker = async () => {
    while (waiting.length > 0) await runTest(...waiting.shift(), total);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (names.length === 0) total.failed++;
  const skips = join(folder, 'skipped.txt');
  for (const line of existsSync(skips) ? readFileSync(skips, 'utf8').split('\n') : []) {
    if (line === '') continue;
    console.log(line);
    total.skipped++;
  }
  console.log(`${total.passed} passed, ${total.failed} failed` +
              (total.skipped > 0 ? `, ${total.skipped} skipped` : ''));
  process.exitCode = total.failed > 0 ? 1 : 0;
}

const args = process.argv.slice(2);
if (args[0] === '--one') await runProgram(args[1], args.slice(2));
else await main(args[0] ?? 'build-wasm', args.slice(1));

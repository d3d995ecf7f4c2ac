/* A mocha reporter for mongodb_unified.py: each test as a line of JSON in the file $UNIFIED_OUT.
 *
 *   {"state": "failed", "title": …, "suite": …, "reason": …, "wants": [requirement, …]}
 *
 * `wants` are the runOnRequirements that a skipped test names, as the runner gives no reason for
 * those. */
'use strict';
const fs = require('node:fs');
const path = require('node:path');

function specifications(folder, out) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) specifications(file, out);
    else if (entry.name.endsWith('.json')) {
      const suite = JSON.parse(fs.readFileSync(file, 'utf8'));
      for (const test of suite.tests ?? [])
        out.set(`${suite.description}\n${test.description}`, [
          ...(suite.runOnRequirements ?? []), ...(test.runOnRequirements ?? [])
        ]);
    }
  }
  return out;
}

module.exports = class {
  constructor(runner) {
    const out = fs.openSync(process.env.UNIFIED_OUT, 'w');
    const known = new Map();
    for (const folder of process.env.UNIFIED_SPECS.split(path.delimiter))
      if (fs.existsSync(folder)) specifications(folder, known);
    const tell = (state, test, error) => {
      const suite = test.parent?.title ?? '';
      fs.writeSync(out, JSON.stringify({
        state, suite, title: test.title, reason: test.skipReason ?? null,
        file: path.basename(test.file ?? ''),
        wants: known.get(`${suite}\n${test.title}`) ?? [],
        message: error == null ? null : `${error.message ?? error}`.slice(0, 600)
      }) + '\n');
    };
    runner.on('pass', test => tell('passed', test));
    runner.on('fail', (test, error) => tell('failed', test, error));
    runner.on('pending', test => tell('skipped', test));
    runner.on('end', () => fs.writeSync(out, '{"state": "end"}\n'));
  }
};

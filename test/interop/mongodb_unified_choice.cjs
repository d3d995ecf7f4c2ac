/* For mongodb_unified.py: which tests run. Mocha's --grep would need one pattern of all names. The
 * file $UNIFIED_CHOICE has
 *
 *   only   names, "suite\ntitle": no others are there. null: all are
 *   out    [[pattern of "suite | title", why], …]: those are skipped, and say why
 */
'use strict';
const fs = require('node:fs');
const mocha = require(require.resolve('mocha', { paths: [process.cwd()] }));

const { only, out } = JSON.parse(fs.readFileSync(process.env.UNIFIED_CHOICE, 'utf8'));
const addTest = mocha.Suite.prototype.addTest;
mocha.Suite.prototype.addTest = function (test) {
  if (only !== null && !only.includes(`${this.title}\n${test.title}`)) return this;
  const found = out.find(([pattern]) => new RegExp(pattern).test(`${this.title} | ${test.title}`));
  if (found) {
    test.skipReason = `left out: ${found[1]}`;
    test.pending = true;
  }
  return addTest.call(this, test);
};

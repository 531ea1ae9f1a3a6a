// Runs inside the extension host of a real VS Code, at a copy of tests/fixtures/shop that is indexed.
const vscode = require('vscode');
const assert = require('node:assert/strict');

const SERVERS = ['search', 'openBest', 'similar', 'context', 'status', 'reindex', 'clear', 'pause', 'resume'];
const QUESTION = 'throw out visitors who were idle for too long';

const tests = {
  async 'it is activated in no time'() {
    const extension = vscode.extensions.getExtension('semls.semls');
    const began = performance.now();
    await extension.activate();
    assert.ok(extension.isActive);
    console.log(`activated in ${Math.round(performance.now() - began)} ms`);
  },
  async 'its commands are there, and none has the name of one of the server'() {
    const { contributes } = vscode.extensions.getExtension('semls.semls').packageJSON;
    const own = contributes.commands.map(({ command }) => command);
    const all = await vscode.commands.getCommands(true);
    assert.deepEqual(own.filter((command) => !all.includes(command)), []);
    assert.deepEqual(own.filter((command) => SERVERS.includes(command.replace('semls.', ''))), []);
  },
  async 'agents search through the same index'() {
    const { parts, text } = await tool({ query: QUESTION, limit: 3 });
    assert.equal(parts, 1);
    assert.match(text, /^store\/session\.rs:27 Method SessionStore\.evict_expired\n```rust\n.*pub fn evict_expired/s);
    assert.equal(text.match(/^```$/gm).length, 3);
    assert.match((await tool({ query: 'name:there_is_no_such_name' })).text, /No results/);
    await assert.rejects(tool({ query: 'kind:nonsense' }), /nonsense/);
  },
  async 'the server is asked for symbols, too'() {
    const found = await vscode.commands.executeCommand('vscode.executeWorkspaceSymbolProvider', QUESTION);
    assert.ok(found.some(({ name }) => name === 'evict_expired'));
  },
};

async function tool(input) {
  const { content } = await vscode.lm.invokeTool('semls_search', { input, toolInvocationToken: undefined });
  return { parts: content.length, text: content.map(({ value }) => value).join('\n') };
}

exports.run = async () => {
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log(`passed: ${name}`);
    } catch (error) {
      console.log(`failed: ${name}: ${error.stack}`);
    }
  }
  console.log('the end');
};

// Runs inside the extension host of a real VS Code that has an indexed copy of tests/fixtures/shop open.
const vscode = require('vscode');
const assert = require('node:assert/strict');

const SERVER_COMMANDS = ['search', 'openBest', 'similar', 'context', 'ask', 'status', 'reindex', 'clear', 'pause', 'resume'];
const QUERY = 'throw out visitors who were idle for too long';

const tests = {
  async 'activation succeeds'() {
    const extension = vscode.extensions.getExtension('semls.semls');
    const started = performance.now();
    await extension.activate();
    assert.ok(extension.isActive);
    console.log(`activated in ${Math.round(performance.now() - started)} ms`);
  },
  async 'commands are registered and differ from those of the server'() {
    const { contributes } = vscode.extensions.getExtension('semls.semls').packageJSON;
    const own = contributes.commands.map(({ command }) => command);
    const all = await vscode.commands.getCommands(true);
    assert.deepEqual(own.filter((command) => !all.includes(command)), []);
    assert.deepEqual(own.filter((command) => SERVER_COMMANDS.includes(command.replace('semls.', ''))), []);
  },
  async 'language model tool searches the index'() {
    const { parts, text } = await tool({ query: QUERY, limit: 3 });
    assert.equal(parts, 1);
    assert.match(text, /^store\/session\.rs:26-31 SessionStore\.evict_expired \(method\)\npub fn evict_expired/);
    assert.match((await tool({ query: 'name:there_is_no_such_name' })).text, /^No hits\..* has 7 indexed files/);
    await assert.rejects(tool({ query: 'kind:nonsense' }), /nonsense/);
  },
  async 'workspace symbols come from the server'() {
    const found = await vscode.commands.executeCommand('vscode.executeWorkspaceSymbolProvider', QUERY);
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
  console.log('done');
};

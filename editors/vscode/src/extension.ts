// The entry point: creates the components and registers the commands. Activation waits for nothing.

import * as vscode from 'vscode';
import { Answers } from './ask';
import { copyContext, openContext } from './context';
import { showErrors } from './errors';
import { installServer, offerInstallation } from './install';
import { Results } from './results';
import { Search } from './search';
import { NotInstalledError, Server } from './server';
import { findSimilar } from './similar';
import { showSkippedFiles } from './skipped';
import { Status } from './status';
import { SearchTool } from './tool';

/** Settings that the server receives when it starts. */
const RESTARTING_SETTINGS = ['semls.path', 'semls.askCommand', 'semls.askUrl', 'semls.askModel'];

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('semls', { log: true });
  const server = new Server(context, log);
  const results = new Results(server);
  const search = new Search(server, results);
  const status = new Status(server);
  const answers = new Answers(server);
  /** Start the server in the background. The status bar shows an error. */
  const start = async (): Promise<void> => {
    await server.start().catch((error: unknown) => { log.warn(String(error)); });
  };
  const restart = async (): Promise<void> => {
    await server.stop();
    await start();
  };
  /** Return a command that starts the server first, and offers to install it if it is missing. */
  const withServer = (command: () => unknown) => () =>
    showErrors(async () => {
      try {
        await server.start();
      } catch (error) {
        if (!(error instanceof NotInstalledError)) {
          throw error;
        }
        if (!(await offerInstallation(context, log))) {
          return;
        }
        await server.start();
      }
      await command();
    });

  const commands: Record<string, (...args: never[]) => unknown> = {
    'semls.searchByMeaning': withServer(() => { search.open(); }),
    'semls.findSimilar': withServer(() => findSimilar(server, results)),
    'semls.copyContext': withServer(() => copyContext(server)),
    'semls.openContext': withServer(() => openContext(server)),
    'semls.askQuestion': withServer(() => answers.ask()),
    'semls.pauseIndexing': withServer(() => server.executeCommand('semls.pause')),
    'semls.resumeIndexing': withServer(() => server.executeCommand('semls.resume')),
    'semls.reindexFolders': withServer(() => server.executeCommand('semls.reindex')),
    'semls.clearIndex': withServer(() => server.executeCommand('semls.clear')),
    'semls.showStatus': () => status.open(),
    'semls.showSkippedFiles': withServer(() => showSkippedFiles(server)),
    'semls.showLog': () => { log.show(); },
    'semls.restartServer': async () => {
      await server.stop();
      await withServer(() => undefined)();
    },
    'semls.installServer': async () => ((await installServer(context, log)) ? restart() : undefined),
    'semls.nextResult': () => results.step(1),
    'semls.previousResult': () => results.step(-1),
    'semls.rerun': withServer(() => results.rerun()),
    'semls.clearResults': () => { results.clear(); },
    'semls.copyResults': () => results.copy(),
    'semls.copyResult': (node: Parameters<Results['dismiss']>[0]) => results.copy(node),
    'semls.dismissResult': (node: Parameters<Results['dismiss']>[0]) => { results.dismiss(node); },
    'semls.openResult': (hit: Parameters<Results['open']>[0]) => results.open(hit),
    'semls.groupByFile': withServer(() => results.setGrouped(true)),
    'semls.rank': withServer(() => results.setGrouped(false)),
  };
  for (const [name, command] of Object.entries(commands)) {
    context.subscriptions.push(vscode.commands.registerCommand(name, command));
  }
  context.subscriptions.push(
    log,
    server,
    results,
    status,
    answers,
    vscode.lm.registerTool('semls_search', new SearchTool(server)),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (RESTARTING_SETTINGS.some((name) => change.affectsConfiguration(name))) {
        void restart();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => { void start(); }),
  );
  if (vscode.workspace.workspaceFolders) {
    void start();
  }
}

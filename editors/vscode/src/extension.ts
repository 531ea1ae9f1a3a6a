// Puts the parts together. Nothing is waited for while VS Code starts.

import * as vscode from 'vscode';
import { copyContext, openContext } from './context';
import { install, offer } from './installing';
import { Results } from './results';
import { Search } from './search';
import { NotInstalled, Server } from './server';
import { findSimilar } from './similar';
import { Status } from './status';
import { Tool } from './tool';

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('semls', { log: true });
  const server = new Server(context, log);
  const results = new Results(server);
  const search = new Search(server, results);
  const status = new Status(server);
  /** Where nobody waits for it; the status bar says what is wrong. */
  const start = async (): Promise<void> => {
    await server.start().catch((error: unknown) => { log.warn(String(error)); });
  };
  const restart = async (): Promise<void> => {
    await server.stop();
    await start();
  };
  /** Run what needs the server; where it is not installed, offer that. */
  const withServer = (work: () => unknown) => () =>
    said(async () => {
      try {
        await server.start();
      } catch (error) {
        if (!(error instanceof NotInstalled)) {
          throw error;
        }
        if (!(await offer(context, log))) {
          return;
        }
        await server.start();
      }
      await work();
    });

  const commands: Record<string, (...given: never[]) => unknown> = {
    'semls.searchByMeaning': withServer(() => { search.open(); }),
    'semls.findSimilar': withServer(() => findSimilar(server, results)),
    'semls.copyContext': withServer(() => copyContext(server)),
    'semls.openContext': withServer(() => openContext(server)),
    'semls.pauseIndexing': withServer(() => server.command('semls.pause')),
    'semls.resumeIndexing': withServer(() => server.command('semls.resume')),
    'semls.reindexFolders': withServer(() => server.command('semls.reindex')),
    'semls.clearIndex': withServer(() => server.command('semls.clear')),
    'semls.showStatus': () => status.open(),
    'semls.showLog': () => { log.show(); },
    'semls.restartServer': async () => {
      await server.stop();
      await withServer(() => undefined)();
    },
    'semls.installServer': async () => ((await install(context, log)) ? restart() : undefined),
    'semls.nextResult': () => results.step(1),
    'semls.previousResult': () => results.step(-1),
    'semls.rerun': withServer(() => results.rerun()),
    'semls.clearResults': () => { results.clear(); },
    'semls.copyResults': () => results.copy(),
    'semls.copyResult': (node: Parameters<Results['dismiss']>[0]) => results.copy(node),
    'semls.dismissResult': (node: Parameters<Results['dismiss']>[0]) => { results.dismiss(node); },
    'semls.openResult': (hit: Parameters<Results['open']>[0]) => results.open(hit),
    'semls.groupByFile': () => { results.group(true); },
    'semls.rank': () => { results.group(false); },
  };
  for (const [name, command] of Object.entries(commands)) {
    context.subscriptions.push(vscode.commands.registerCommand(name, command));
  }
  context.subscriptions.push(
    log,
    server,
    results,
    status,
    vscode.lm.registerTool('semls_search', new Tool(server)),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('semls.path')) {
        void restart();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => { void start(); }),
  );
  if (vscode.workspace.workspaceFolders) {
    void start();
  }
}

/** What goes wrong is one sentence for a person. */
async function said(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    void vscode.window.showErrorMessage(`semls: ${error instanceof Error ? error.message : String(error)}`);
  }
}

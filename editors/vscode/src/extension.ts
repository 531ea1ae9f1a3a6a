// The entry point: creates the components and registers the commands. Activation waits for nothing.

import * as vscode from 'vscode';
import { offerMcpServer } from './agents';
import { Answers } from './ask';
import { copyContext, openContext } from './context';
import { VirtualDocuments } from './documents';
import { findDuplicates, type Place, showCopies } from './duplicates';
import { showErrors } from './errors';
import { History } from './history';
import { installServer, offerInstallation } from './install';
import { Results } from './results';
import { Search } from './search';
import { NotInstalledError, Server } from './server';
import { isFirstOffer, watchSetup } from './setup';
import { findSimilar } from './similar';
import { showSkippedFiles } from './skipped';
import { Status } from './status';
import { SearchTool } from './tool';

/** Settings that the server receives when it starts. */
const RESTARTING_SETTINGS = [
  'semls.path',
  'semls.enabled',
  'semls.codeLens',
  'semls.askCommand',
  'semls.askUrl',
  'semls.askModel',
];

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('semls', { log: true });
  const server = new Server(context, log);
  const results = new Results(server);
  const history = new History(context.workspaceState);
  const documents = new VirtualDocuments('semls');
  const search = new Search(server, results, history, documents);
  const status = new Status(server);
  const answers = new Answers(server);
  /** Start the server in the background, if a folder needs it. The status bar shows an error. */
  const start = async (): Promise<void> => {
    if (!server.hasFolders) {
      return;
    }
    try {
      await server.start();
    } catch (error) {
      log.warn(String(error));
      if (error instanceof NotInstalledError && (await isFirstOffer(context.globalState))) {
        await installAndStart();
      }
    }
  };
  const installAndStart = async (): Promise<boolean> => {
    const isInstalled = await offerInstallation(context, log);
    if (isInstalled) {
      await server.start();
    }
    return isInstalled;
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
        if (!(await installAndStart())) {
          return;
        }
      }
      await command();
    });

  const commands: Record<string, (...args: never[]) => unknown> = {
    'semls.searchByMeaning': withServer(() => search.open()),
    'semls.findSimilar': withServer(() => findSimilar(server, results)),
    'semls.showCopies': (place: Place) => withServer(() => showCopies(server, results, place))(),
    'semls.findDuplicates': withServer(() => findDuplicates(server, results)),
    'semls.copyContext': withServer(() => copyContext(server)),
    'semls.openContext': withServer(() => openContext(server, documents)),
    'semls.askQuestion': withServer(() => answers.ask()),
    'semls.pauseIndexing': withServer(() => server.executeCommand('semls.pause')),
    'semls.resumeIndexing': withServer(() => server.executeCommand('semls.resume')),
    'semls.reindexFolders': withServer(() => server.executeCommand('semls.reindex')),
    'semls.clearIndex': withServer(() => rebuildIndex(server)),
    'semls.showStatus': () => status.open(),
    'semls.showSkippedFiles': withServer(() => showSkippedFiles(server)),
    'semls.showLog': () => { log.show(); },
    'semls.restartServer': async () => {
      await server.stop();
      await withServer(() => undefined)();
    },
    'semls.installServer': async () => ((await installServer(context, log)) ? restart() : undefined),
    'semls.closeSearch': () => search.dismiss(),
    'semls.sendToResults': () => { search.sendToResults(); },
    'semls.openToSide': () => { search.openToSide(); },
    'semls.recentQuestions': withServer(async () => {
      const question = await history.select();
      return question && results.showSearch(question);
    }),
    'semls.openResultToSide': (node?: Parameters<Results['openToSide']>[0]) => results.openToSide(node),
    'semls.nextResult': () => results.step(1),
    'semls.previousResult': () => results.step(-1),
    'semls.rerun': withServer(() => results.rerun()),
    'semls.clearResults': () => { results.clear(); },
    'semls.copyResults': () => results.copy(),
    'semls.copyResult': (node: Parameters<Results['dismiss']>[0]) => results.copy(node),
    'semls.dismissResult': (node?: Parameters<Results['dismiss']>[0]) => { results.dismiss(node); },
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
    documents,
    watchSetup(server),
    offerMcpServer(context, server),
    vscode.lm.registerTool('semls_search', new SearchTool(server)),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (RESTARTING_SETTINGS.some((name) => change.affectsConfiguration(name))) {
        void restart();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => { void start(); }),
  );
  // VS Code executes a command for the first time only after it has asked whether an extension is to be activated for it.
  // Escape must not wait for that.
  void vscode.commands.executeCommand('runCommands', { commands: ['semls.closeSearch'] });
  void start();
}

/** Delete the indexes of the open folders, so that the server builds new ones, if the user confirms that. */
async function rebuildIndex(server: Server): Promise<void> {
  const detail = 'Search finds little until the files have been read again. Embeddings are kept, so that takes seconds.';
  const question = 'Rebuild the index of the open folders?';
  if (await vscode.window.showWarningMessage(question, { modal: true, detail }, 'Rebuild')) {
    await server.executeCommand('semls.clear');
  }
}

// Creates the language client. Loaded only when a server starts, because vscode-languageclient is slow to load.

import * as vscode from 'vscode';
import {
  type ClientCapabilities,
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  TransportKind,
} from 'vscode-languageclient/node';
import { enabledFolders } from './server';

const SERVER_SETTINGS = ['model', 'revision', 'store', 'languages'];

export function createClient(
  program: string,
  outputChannel: NonNullable<LanguageClientOptions['outputChannel']>,
  variables: Record<string, string>,
): LanguageClient {
  const client = new LanguageClient(
    'semls',
    'semls',
    { command: program, args: ['lsp'], transport: TransportKind.stdio, options: { env: { ...process.env, ...variables } } },
    {
      documentSelector: [{ scheme: 'file' }],
      outputChannel,
      initializationOptions: { codeLens: vscode.workspace.getConfiguration('semls').get('codeLens', false) },
      // The status bar shows problems, and a command shows why it failed.
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationFailedHandler: () => false,
      // `Server` restarts with a new client, because a client that has restarted its server cannot be stopped.
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
      },
      middleware: {
        // Nothing would show what the server's command returns.
        provideCodeLenses: async (document, token, next) => {
          const lenses = (await next(document, token)) ?? [];
          return lenses.map(({ range, command }) =>
            new vscode.CodeLens(range, command && { ...command, command: 'semls.showCopies' }));
        },
        workspace: {
          configuration: async (params, token, next) => keepServerSettings(await next(params, token)),
          didChangeWorkspaceFolders: ({ added, removed }, next) =>
            next({ added: added.filter((folder) => enabledFolders().includes(folder)), removed }),
        },
      },
    },
  );
  client.registerFeature({
    fillClientCapabilities: (capabilities: ClientCapabilities) => {
      capabilities.experimental = { semls: { didChangeStatus: true } };
    },
    fillInitializeParams: (params) => {
      const workspaceFolders = enabledFolders().map(({ uri, name }) => ({ uri: uri.toString(), name }));
      Object.assign(params, { workspaceFolders, rootUri: null, rootPath: null }); // without folders, a server would index the root
    },
    getState: () => ({ kind: 'static' }),
    initialize: () => undefined,
    clear: () => undefined,
  });
  return client;
}

/** Remove the settings of the extension, because the server reports unknown settings as errors. */
function keepServerSettings<T>(response: T): T {
  if (!Array.isArray(response)) {
    return response;
  }
  return response.map((settings: unknown) =>
    Object.fromEntries(Object.entries(settings ?? {}).filter(([key]) => SERVER_SETTINGS.includes(key))),
  ) as T;
}

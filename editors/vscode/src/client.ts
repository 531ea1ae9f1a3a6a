// The language client, told what it can and may. Imported when a server is started: that takes a while.

import {
  type ClientCapabilities,
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  TransportKind,
} from 'vscode-languageclient/node';

const SETTINGS = ['model', 'revision', 'store'];

export function clientOf(program: string, outputChannel: NonNullable<LanguageClientOptions['outputChannel']>): LanguageClient {
  const client = new LanguageClient(
    'semls',
    'semls',
    { command: program, args: ['lsp'], transport: TransportKind.stdio },
    {
      documentSelector: [{ scheme: 'file' }],
      outputChannel,
      // What is wrong is shown in the status bar, and to who asks.
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationFailedHandler: () => false,
      // We make a new one: a client that has started its server again can no more be stopped.
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
      },
      middleware: { workspace: { configuration: async (params, token, next) => ours(await next(params, token)) } },
    },
  );
  client.registerFeature({
    fillClientCapabilities: (capabilities: ClientCapabilities) => {
      capabilities.experimental = { semls: { didChangeStatus: true } };
    },
    getState: () => ({ kind: 'static' }),
    initialize: () => undefined,
    clear: () => undefined,
  });
  return client;
}

/** The settings that are the server's: it complains of others. */
function ours<T>(answer: T): T {
  if (!Array.isArray(answer)) {
    return answer;
  }
  return answer.map((given: unknown) =>
    Object.fromEntries(Object.entries(given ?? {}).filter(([key]) => SETTINGS.includes(key))),
  ) as T;
}

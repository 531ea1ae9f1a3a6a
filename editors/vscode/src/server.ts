// The language server: found, started, asked, told of settings, and started again.

import * as vscode from 'vscode';
import {
  CancellationToken,
  type ClientCapabilities,
  type ExecuteCommandParams,
  ExecuteCommandRequest,
  LanguageClient,
  ResponseError,
  RevealOutputChannelOn,
  State as ClientState,
  TransportKind,
} from 'vscode-languageclient/node';
import { find } from './finding';
import type { Asked, State } from './protocol';

const SETTINGS = ['model', 'revision', 'store'];

/** What a person is told instead of an answer. */
export class Refused extends Error {}

export class NotInstalled extends Refused {}

export class Server implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private client: LanguageClient | undefined;
  private starting: Promise<LanguageClient> | undefined;
  private states = new Map<string, State>();

  /** Of the server, its program or a folder's index. */
  readonly onDidChange = this.changed.event;
  /** The program that runs, or why none does. */
  program = '';
  problem = '';

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly log: vscode.LogOutputChannel,
  ) {}

  get isRunning(): boolean {
    return this.client?.state === ClientState.Running;
  }

  /** Of each open folder, as the server told it last. */
  get folders(): State[] {
    return [...this.states.values()];
  }

  /** Start the server unless it runs; without one that could be, `problem` says so. */
  async start(): Promise<LanguageClient> {
    if (this.client?.needsStart()) {
      await this.stop(); // it died too often to be started again by itself
    }
    this.starting ??= this.launch().catch((error: unknown) => {
      this.starting = undefined;
      this.tell(error instanceof Error ? error.message : String(error));
      throw error;
    });
    return this.starting;
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = this.starting = undefined;
    this.states.clear();
    await client?.dispose().catch((error: unknown) => {
      this.log.warn(String(error)); // one that was killed, or never came up
    });
    this.tell('');
  }

  async ask<M extends keyof Asked>(
    method: M,
    given: Asked[M]['given'],
    token?: CancellationToken,
  ): Promise<Asked[M]['answer']> {
    const client = await this.start();
    try {
      return await client.sendRequest<Asked[M]['answer']>(method, given, token ?? CancellationToken.None);
    } catch (error) {
      throw error instanceof ResponseError ? new Refused(error.message) : error;
    }
  }

  /** One of the server's commands about the index of all open folders. */
  async command(command: 'semls.pause' | 'semls.resume' | 'semls.reindex' | 'semls.clear'): Promise<void> {
    const client = await this.start();
    const params: ExecuteCommandParams = { command };
    await client.sendRequest(ExecuteCommandRequest.type, params);
  }

  dispose(): void {
    this.changed.dispose();
    void this.stop();
  }

  private async launch(): Promise<LanguageClient> {
    const program = await find(this.context);
    if (!program) {
      throw new NotInstalled('the program semls is not installed');
    }
    this.program = program;
    this.log.info(`The server is ${program}`);
    const client = this.client = this.clientOf(program);
    await client.start();
    this.tell('');
    return client;
  }

  private clientOf(program: string): LanguageClient {
    const client = new LanguageClient(
      'semls',
      'semls',
      { command: program, args: ['lsp'], transport: TransportKind.stdio },
      {
        documentSelector: [{ scheme: 'file' }],
        outputChannel: this.log,
        // What is wrong is shown in the status bar, and to who asks.
        revealOutputChannelOn: RevealOutputChannelOn.Never,
        initializationFailedHandler: () => false,
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
    client.onNotification('semls/didChangeStatus', (state: State & { uri: string }) => {
      this.states.set(state.uri, state);
      this.changed.fire();
    });
    client.onDidChangeState(({ newState }) => {
      if (newState === ClientState.Stopped) {
        this.states.clear();
      }
      this.changed.fire();
    });
    return client;
  }

  private tell(problem: string): void {
    this.problem = problem;
    this.changed.fire();
  }
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

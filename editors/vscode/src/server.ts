// The language server: starts it, sends requests to it, and restarts it after a crash.

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { findServer } from './executable';
import type { Answer, FolderStatus, LanguageModelAnswer, Query, Requests, State } from './protocol';

const MIN_CONFIDENCE = 0.2; // of an answer with a strong match
const MAX_CRASHES = 5;
const CRASH_PERIOD = 180_000; // milliseconds; more than MAX_CRASHES in this time stop the restarts

/** An error whose message is meant for the user. */
export class UserError extends Error {}

export class NotInstalledError extends UserError {}

/** Return the open folders in which semls is enabled. */
export function enabledFolders(): vscode.WorkspaceFolder[] {
  const folders = vscode.workspace.workspaceFolders ?? [];
  return folders.filter(({ uri }) => vscode.workspace.getConfiguration('semls', uri).get<boolean>('enabled', true));
}

/** Return how many hits a search may have. */
export function maxResults(): number {
  return vscode.workspace.getConfiguration('semls').get('maxResults', 50);
}

/** Return a query that leaves out what the user has excluded from searches. */
function narrowed(query: Query): Query {
  const excluded = vscode.workspace.getConfiguration('semls').get<string[]>('exclude', []);
  return { ...query, ...(excluded.length && { excluded }) };
}

/** Return whether the first hit of an answer is probably right. */
export function isStrong(answer: Answer): boolean {
  return !answer.hits.length || answer.confidence >= MIN_CONFIDENCE;
}

export class Server implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private client: LanguageClient | undefined;
  private starting: Promise<LanguageClient> | undefined;
  private stopping = Promise.resolve();
  private states = new Map<string, State>();
  private crashes: number[] = [];
  private readonly subscription: vscode.Disposable;

  /** Fires when the server, or the state of a folder's index, has changed. */
  readonly onDidChange = this.changed.event;
  /** Why the server is not running, or empty. */
  failure = '';
  isInstalled = true;

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly log: vscode.LogOutputChannel,
  ) {
    this.subscription = vscode.workspace.onDidChangeWorkspaceFolders(() => { this.changed.fire(); });
  }

  /** Why semls cannot search, or empty. */
  get problem(): string {
    return this.failure || (this.folders.map((folder) => folder.error).find(Boolean) ?? '');
  }

  /** Whether there is no model for a folder, so that its code is not embedded. */
  get isLexicalOnly(): boolean {
    return this.folders.some((folder) => folder.phase === 'ready' && !folder.model && folder.chunks > 0);
  }

  get isRunning(): boolean {
    return this.client?.isRunning() ?? false;
  }

  get hasFolders(): boolean {
    return enabledFolders().length > 0;
  }

  /** Why there is no folder to search. */
  get noFolders(): string {
    return vscode.workspace.workspaceFolders?.length ? 'semls is disabled in the open folders' : 'no folder is open';
  }

  /** The last state that the server has sent, for each folder. */
  get folders(): State[] {
    return enabledFolders().flatMap((folder) => this.states.get(folder.uri.toString()) ?? []);
  }

  /** Whether some files of the folders are not indexed yet. */
  get isReading(): boolean {
    const { folders } = this;
    return folders.length < enabledFolders().length || folders.some((folder) => folder.phase === 'reading');
  }

  /** Start the server if it is not running. If that fails, set `failure` and throw the error. */
  async start(): Promise<LanguageClient> {
    if (!this.starting) {
      const starting = this.launch().catch((error: unknown) => {
        if (this.starting === starting) {
          this.starting = undefined;
        }
        this.isInstalled = !(error instanceof NotInstalledError);
        this.setFailure(error instanceof Error ? error.message : String(error));
        throw error;
      });
      this.starting = starting;
    }
    return this.starting;
  }

  /** Stop the server. A start waits until this has finished, because two clients cannot register the same commands. */
  async stop(): Promise<void> {
    const { starting } = this;
    this.starting = undefined;
    this.stopping = this.shutDown(starting);
    await this.stopping;
  }

  async request<M extends keyof Requests>(
    method: M,
    params: Requests[M]['params'],
    token = new vscode.CancellationTokenSource().token,
  ): Promise<Requests[M]['result']> {
    const client = await this.start();
    return client.sendRequest<Requests[M]['result']>(method, 'query' in params ? narrowed(params) : params, token);
  }

  /** Return the state of each open folder with its skipped files. */
  async folderStatuses(): Promise<FolderStatus[]> {
    const client = await this.start();
    return (await client.sendRequest<{ folders: FolderStatus[] }>('semls/status')).folders;
  }

  /** Execute a command of the server that concerns the index of all open folders. */
  async executeCommand(command: 'semls.pause' | 'semls.resume' | 'semls.reindex' | 'semls.clear'): Promise<void> {
    const client = await this.start();
    await client.sendRequest('workspace/executeCommand', { command });
  }

  /** Ask the language model that the user has configured. */
  async ask(query: string, token: vscode.CancellationToken): Promise<LanguageModelAnswer> {
    const client = await this.start();
    const params = { command: 'semls.ask', arguments: [narrowed({ query })] };
    return client.sendRequest<LanguageModelAnswer>('workspace/executeCommand', params, token);
  }

  dispose(): void {
    this.subscription.dispose();
    this.changed.dispose();
    void this.stop();
  }

  private async shutDown(starting: Promise<LanguageClient> | undefined): Promise<void> {
    if (!this.client) {
      await starting?.catch(() => undefined); // `launch` is still looking for the executable
    }
    const { client } = this;
    this.client = undefined;
    this.states.clear();
    await client?.dispose().catch((error: unknown) => {
      this.log.warn(String(error)); // the server was killed or has never started
    });
    this.setFailure('');
  }

  private async launch(): Promise<LanguageClient> {
    await this.stopping;
    const program = await findServer(this.context);
    if (!program) {
      throw new NotInstalledError('semls is not installed');
    }
    this.isInstalled = true;
    this.log.info(`Starting ${program}`);
    const { createClient } = await import('./client');
    const client = (this.client = createClient(program, this.log, languageModelVariables()));
    client.onNotification('semls/didChangeStatus', (state: State & { uri: string }) => {
      this.states.set(state.uri, state);
      this.changed.fire();
    });
    await client.start().catch((error: unknown) => {
      throw new Error(`${program} does not start. ${error instanceof Error ? error.message : String(error)}`);
    });
    client.onDidChangeState(() => {
      if (client === this.client && client.needsStart()) {
        this.onCrash();
      }
    });
    this.setFailure('');
    return client;
  }

  /** Restart the server after a crash, unless it crashes repeatedly. */
  private onCrash(): void {
    this.client = this.starting = undefined;
    this.states.clear();
    this.crashes = [...this.crashes, Date.now()].slice(-MAX_CRASHES);
    const isRepeated =
      this.crashes.length === MAX_CRASHES && Date.now() - (this.crashes[0] ?? 0) < CRASH_PERIOD;
    this.setFailure(isRepeated ? 'the server crashed repeatedly; see the log' : '');
    if (!isRepeated) {
      this.start().catch((error: unknown) => { this.log.warn(String(error)); });
    }
  }

  private setFailure(failure: string): void {
    this.failure = failure;
    this.changed.fire();
  }
}

/**
 * Return the environment variables of the language model that the settings configure. A setting replaces all of them,
 * except the key. A workspace cannot set them, as they have the scope `machine`.
 */
function languageModelVariables(): Record<string, string> {
  const settings = vscode.workspace.getConfiguration('semls');
  const variables = {
    SEMLS_ASK_COMMAND: settings.get('askCommand', ''),
    SEMLS_ASK_URL: settings.get('askUrl', ''),
    SEMLS_ASK_MODEL: settings.get('askModel', ''),
  };
  return Object.values(variables).some(Boolean) ? variables : {};
}

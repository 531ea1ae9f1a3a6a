// The language server: found, started, asked, and started again.

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { find } from './finding';
import type { Asked, State } from './protocol';

const DEATHS = 5; // within three minutes are too many

/** What a person is told instead of an answer. */
export class Refused extends Error {}

export class NotInstalled extends Refused {}

export class Server implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private client: LanguageClient | undefined;
  private starting: Promise<LanguageClient> | undefined;
  private stopping = Promise.resolve();
  private states = new Map<string, State>();
  private deaths: number[] = [];
  private readonly listening: vscode.Disposable;

  /** Of the server, or of a folder's index. */
  readonly onDidChange = this.changed.event;
  /** Why no server runs, or empty. */
  problem = '';

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly log: vscode.LogOutputChannel,
  ) {
    this.listening = vscode.workspace.onDidChangeWorkspaceFolders(() => { this.changed.fire(); });
  }

  get isRunning(): boolean {
    return this.client?.isRunning() ?? false;
  }

  /** Of each open folder, as the server told it last. */
  get folders(): State[] {
    const open = vscode.workspace.workspaceFolders ?? [];
    return open.flatMap((folder) => this.states.get(folder.uri.toString()) ?? []);
  }

  /** Whether some files of the open folders cannot be found yet. */
  get isReading(): boolean {
    const { folders } = this;
    const open = vscode.workspace.workspaceFolders ?? [];
    return folders.length < open.length || folders.some((folder) => folder.phase === 'reading');
  }

  /** Start the server unless that was done. Where it cannot be started, `problem` says why, too. */
  async start(): Promise<LanguageClient> {
    if (!this.starting) {
      const starting = this.launch().catch((error: unknown) => {
        if (this.starting === starting) {
          this.starting = undefined;
        }
        this.tell(error instanceof Error ? error.message : String(error));
        throw error;
      });
      this.starting = starting;
    }
    return this.starting;
  }

  /** What is started meanwhile waits: two clients cannot have the same commands. */
  async stop(): Promise<void> {
    const { starting } = this;
    this.starting = undefined;
    this.stopping = this.leave(starting);
    await this.stopping;
  }

  async ask<M extends keyof Asked>(
    method: M,
    given: Asked[M]['given'],
    token = new vscode.CancellationTokenSource().token,
  ): Promise<Asked[M]['answer']> {
    const client = await this.start();
    return client.sendRequest<Asked[M]['answer']>(method, given, token);
  }

  /** One of the server's commands about the index of all open folders. */
  async command(command: 'semls.pause' | 'semls.resume' | 'semls.reindex' | 'semls.clear'): Promise<void> {
    const client = await this.start();
    await client.sendRequest('workspace/executeCommand', { command });
  }

  dispose(): void {
    this.listening.dispose();
    this.changed.dispose();
    void this.stop();
  }

  private async leave(starting: Promise<LanguageClient> | undefined): Promise<void> {
    if (!this.client) {
      await starting?.catch(() => undefined); // its program is being looked for
    }
    const { client } = this;
    this.client = undefined;
    this.states.clear();
    await client?.dispose().catch((error: unknown) => {
      this.log.warn(String(error)); // one that was killed, or never came up
    });
    this.tell('');
  }

  private async launch(): Promise<LanguageClient> {
    await this.stopping;
    const program = await find(this.context);
    if (!program) {
      throw new NotInstalled('the program semls is not installed');
    }
    this.log.info(`The server is ${program}`);
    const { clientOf } = await import('./client');
    const client = (this.client = clientOf(program, this.log));
    client.onNotification('semls/didChangeStatus', (state: State & { uri: string }) => {
      this.states.set(state.uri, state);
      this.changed.fire();
    });
    await client.start();
    client.onDidChangeState(() => {
      if (client === this.client && client.needsStart()) {
        this.died();
      }
    });
    this.tell('');
    return client;
  }

  /** The server was killed, or has failed: start another, unless that happens all the time. */
  private died(): void {
    this.client = this.starting = undefined;
    this.states.clear();
    this.deaths = [...this.deaths, Date.now()].slice(-DEATHS);
    const often = this.deaths.length === DEATHS && Date.now() - (this.deaths[0] ?? 0) < 180_000;
    this.tell(often ? 'the server dies again and again; the log may tell why' : '');
    if (!often) {
      this.start().catch((error: unknown) => { this.log.warn(String(error)); });
    }
  }

  private tell(problem: string): void {
    this.problem = problem;
    this.changed.fire();
  }
}

// The Results view: hits that stay in a side bar, grouped by file or in ranking order.

import * as vscode from 'vscode';
import { embeddedPercent } from './coverage';
import { addressOf, iconOf, keyOf, nameOf, show, summaryOf, uriOf } from './location';
import type { Filters, Hit } from './protocol';
import { isStrong, maxResults, type Server } from './server';

interface File {
  path: string;
  hits: Hit[];
}

type Node = File | Hit;

export interface Found {
  hits: Hit[];
  isStrong: boolean;
  isComplete: boolean; // a later answer would have the same hits
}

const NOTHING: Found = { hits: [], isStrong: true, isComplete: true };

export class Results implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly view: vscode.TreeView<Node>;
  private readonly subscription: vscode.Disposable;
  private search: () => Promise<Found> = () => Promise.resolve(NOTHING);
  private title = '';
  private found = NOTHING;
  private current = '';
  private grouped = true;

  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly server: Server) {
    this.view = vscode.window.createTreeView<Node>('semls.results', { treeDataProvider: this });
    this.subscription = server.onDidChange(() => { void this.onProgress(); });
    this.clear();
  }

  /** Search the open folders and show the hits. */
  async showSearch(query: string, filters: Filters = {}): Promise<void> {
    const search = async (): Promise<Found> => {
      const group = this.grouped ? { group: 'file' as const } : {};
      const answer = await this.server.request('semls/search', { query, limit: maxResults(), ...filters, ...group });
      const isComplete = answer.complete && embeddedPercent([answer.coverage]) === 100;
      return { hits: answer.hits, isStrong: isStrong(answer), isComplete };
    };
    await this.show(query, await search(), search);
  }

  /** Show what was found. Search Again, changes of the order and the progress of the index call `search`. */
  async show(title: string, found: Found, search: () => Promise<Found>): Promise<void> {
    this.search = search;
    this.title = title;
    this.current = '';
    this.setFound(found);
    await vscode.commands.executeCommand('semls.results.focus');
  }

  async rerun(): Promise<void> {
    this.setFound(await vscode.window.withProgress({ location: { viewId: 'semls.results' } }, this.search));
  }

  clear(): void {
    this.title = '';
    this.setFound(NOTHING);
  }

  dismiss(node: Node): void {
    const dismissed = new Set(isFile(node) ? node.hits : [node]);
    this.setFound({ ...this.found, hits: this.found.hits.filter((hit) => !dismissed.has(hit)) });
  }

  /** Group the hits by file or sort them by rank. Search again, because the best hits of files are others. */
  async setGrouped(grouped: boolean): Promise<void> {
    this.grouped = grouped;
    this.current = '';
    this.setFound(this.found);
    await this.rerun();
  }

  async copy(node?: Node): Promise<void> {
    const hits = node === undefined ? this.found.hits : isFile(node) ? node.hits : [node];
    await vscode.env.clipboard.writeText(hits.map((hit) => `${addressOf(hit)}\n${hit.snippet}\n`).join('\n'));
  }

  /** Open the next result, or with -1 the previous one. The last result is followed by the first. */
  async step(by: 1 | -1): Promise<void> {
    const ordered = this.ordered();
    const index = this.current ? ordered.findIndex((hit) => keyOf(hit) === this.current) : by > 0 ? -1 : 0;
    const next = ordered.at((index + by + ordered.length) % ordered.length);
    if (next) {
      await this.open(next);
      await this.view.reveal(next, { select: true, focus: false });
    }
  }

  async open(hit: Hit): Promise<void> {
    this.current = keyOf(hit);
    await show(hit, { preview: true });
  }

  /** Open a result, by default the selected one, in another group of editors. */
  async openToSide(node = this.view.selection[0]): Promise<void> {
    const hit = node && isFile(node) ? node.hits[0] : node;
    if (hit) {
      this.current = keyOf(hit);
      await show(hit, { preview: false, viewColumn: vscode.ViewColumn.Beside });
    }
  }

  getChildren(node?: Node): Node[] {
    if (node) {
      return isFile(node) ? node.hits : [];
    }
    return this.grouped ? this.files() : this.found.hits;
  }

  getParent(node: Node): Node | undefined {
    return this.grouped && !isFile(node) ? this.files().find((file) => file.hits.includes(node)) : undefined;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return isFile(node) ? itemOfFile(node) : this.itemOfHit(node);
  }

  dispose(): void {
    this.subscription.dispose();
    this.view.dispose();
    this.changed.dispose();
  }

  private itemOfHit(hit: Hit): vscode.TreeItem {
    const rank = this.ordered().indexOf(hit) + 1;
    const item = new vscode.TreeItem(`${rank}. ${nameOf(hit)}`);
    item.id = keyOf(hit);
    item.iconPath = iconOf(hit);
    item.contextValue = 'hit';
    item.description = this.grouped ? summaryOf(hit) : `${addressOf(hit)}  ${summaryOf(hit)}`;
    item.tooltip = new vscode.MarkdownString()
      .appendText(`${uriOf(hit).fsPath}:${hit.selectionRange.start.line + 1}`)
      .appendText(hit.matched?.length ? `\n\nFound by ${hit.matched.join(', ')}` : '')
      .appendCodeblock(hit.snippet, hit.language);
    item.command = { command: 'semls.openResult', title: 'Open', arguments: [hit] };
    return item;
  }

  /** Search again, once, when an answer from an incomplete index can be replaced. The rows keep their identity. */
  private async onProgress(): Promise<void> {
    const isIndexed = !this.server.isReading && embeddedPercent(this.server.folders) === 100;
    if (!this.found.isComplete && isIndexed) {
      this.found.isComplete = true;
      const { search } = this;
      const found = await search().catch(() => undefined); // the status bar shows why
      if (found && search === this.search) {
        this.setFound(found);
      }
    }
  }

  private setFound(found: Found): void {
    this.found = found;
    this.view.message = this.summary();
    void vscode.commands.executeCommand('setContext', 'semls.hasResults', found.hits.length > 0);
    void vscode.commands.executeCommand('setContext', 'semls.grouped', this.grouped);
    this.changed.fire();
  }

  /** Return the question and the number of hits. */
  private summary(): string {
    const { hits, isStrong, isComplete } = this.found;
    if (!this.title) {
      return '';
    }
    const count = hits.length === 1 ? '1 result' : `${hits.length} results`;
    const notes = [count, ...(isStrong ? [] : ['no strong match']), ...(isComplete ? [] : ['still indexing'])];
    return [this.title, ...notes].join(' · ');
  }

  private ordered(): Hit[] {
    return this.grouped ? this.files().flatMap((file) => file.hits) : this.found.hits;
  }

  /** Return the files in the order of their best hits. */
  private files(): File[] {
    const files = new Map<string, File>();
    for (const hit of this.found.hits) {
      const path = addressOf(hit).replace(/:\d+$/, '');
      const file = files.get(hit.uri) ?? { path, hits: [] };
      files.set(hit.uri, file);
      file.hits.push(hit);
    }
    return [...files.values()];
  }
}

function itemOfFile(file: File): vscode.TreeItem {
  const item = new vscode.TreeItem(file.path, vscode.TreeItemCollapsibleState.Expanded);
  item.iconPath = vscode.ThemeIcon.File;
  item.contextValue = 'file';
  if (file.hits[0]) {
    item.id = file.hits[0].uri;
    item.resourceUri = uriOf(file.hits[0]);
    item.tooltip = item.resourceUri.fsPath;
  }
  item.description = String(file.hits.length);
  return item;
}

function isFile(node: Node): node is File {
  return 'hits' in node;
}

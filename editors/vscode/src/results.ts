// The Results view: hits that stay in a side bar, grouped by file or in ranking order.

import * as vscode from 'vscode';
import { addressOf, iconOf, lineOf, nameOf, show, uriOf } from './location';
import type { Hit } from './protocol';
import type { Server } from './server';

const LIMIT = 50;

interface File {
  path: string;
  hits: Hit[];
}

type Node = File | Hit;

export class Results implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly view: vscode.TreeView<Node>;
  private search: () => Promise<Hit[]> = () => Promise.resolve([]);
  private hits: Hit[] = [];
  private current: Hit | undefined;
  private grouped = true;

  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly server: Server) {
    this.view = vscode.window.createTreeView<Node>('semls.results', { treeDataProvider: this, showCollapseAll: true });
    this.setHits([]);
  }

  /** Search the open folders and show the hits. */
  async showSearch(query: string): Promise<void> {
    const search = async (): Promise<Hit[]> => {
      const params = { query, limit: LIMIT, ...(this.grouped && { group: 'file' as const }) };
      return (await this.server.request('semls/search', params)).hits;
    };
    await this.show(query, await search(), search);
  }

  /** Show hits. Search Again and changes of the order call `search`. */
  async show(title: string, hits: Hit[], search: () => Promise<Hit[]>): Promise<void> {
    this.search = search;
    this.view.title = title;
    this.setHits(hits);
    await vscode.commands.executeCommand('semls.results.focus');
  }

  async rerun(): Promise<void> {
    this.setHits(await vscode.window.withProgress({ location: { viewId: 'semls.results' } }, this.search));
  }

  clear(): void {
    this.view.title = 'Results';
    this.setHits([]);
  }

  dismiss(node: Node): void {
    const dismissed = new Set(isFile(node) ? node.hits : [node]);
    this.setHits(this.hits.filter((hit) => !dismissed.has(hit)));
  }

  /** Group the hits by file or sort them by rank. Search again, because the best hits of files are others. */
  async setGrouped(grouped: boolean): Promise<void> {
    this.grouped = grouped;
    this.setHits(this.hits);
    await this.rerun();
  }

  async copy(node?: Node): Promise<void> {
    const hits = node === undefined ? this.hits : isFile(node) ? node.hits : [node];
    await vscode.env.clipboard.writeText(hits.map((hit) => `${addressOf(hit)}\n${hit.snippet}\n`).join('\n'));
  }

  /** Open the next result, or with -1 the previous one. The last result is followed by the first. */
  async step(by: 1 | -1): Promise<void> {
    const ordered = this.grouped ? this.files().flatMap((file) => file.hits) : this.hits;
    const index = this.current ? ordered.indexOf(this.current) : by > 0 ? -1 : 0;
    const next = ordered.at((index + by + ordered.length) % ordered.length);
    if (next) {
      await this.open(next);
      await this.view.reveal(next, { select: true, focus: false });
    }
  }

  async open(hit: Hit): Promise<void> {
    this.current = hit;
    await show(hit, { preview: true });
  }

  getChildren(node?: Node): Node[] {
    if (node) {
      return isFile(node) ? node.hits : [];
    }
    return this.grouped ? this.files() : this.hits;
  }

  getParent(node: Node): Node | undefined {
    return this.grouped && !isFile(node) ? this.files().find((file) => file.hits.includes(node)) : undefined;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (isFile(node)) {
      const item = new vscode.TreeItem(node.path, vscode.TreeItemCollapsibleState.Expanded);
      item.id = node.path;
      item.iconPath = vscode.ThemeIcon.File;
      if (node.hits[0]) {
        item.resourceUri = uriOf(node.hits[0]);
      }
      item.description = String(node.hits.length);
      return item;
    }
    const item = new vscode.TreeItem(nameOf(node));
    item.id = `${node.uri} ${JSON.stringify(node.range)}`;
    item.iconPath = iconOf(node);
    item.description = this.grouped ? lineOf(node) : `${addressOf(node)}  ${lineOf(node)}`;
    item.tooltip = new vscode.MarkdownString().appendCodeblock(node.snippet, node.language);
    item.command = { command: 'semls.openResult', title: 'Open', arguments: [node] };
    return item;
  }

  dispose(): void {
    this.view.dispose();
    this.changed.dispose();
  }

  private setHits(hits: Hit[]): void {
    this.hits = hits;
    void vscode.commands.executeCommand('setContext', 'semls.hasResults', hits.length > 0);
    void vscode.commands.executeCommand('setContext', 'semls.grouped', this.grouped);
    this.changed.fire();
  }

  /** Return the files in the order of their best hits. */
  private files(): File[] {
    const files = new Map<string, File>();
    for (const hit of this.hits) {
      const file = files.get(hit.uri) ?? { path: addressOf(hit).replace(/:\d+$/, ''), hits: [] };
      files.set(hit.uri, file);
      file.hits.push(hit);
    }
    return [...files.values()];
  }
}

function isFile(node: Node): node is File {
  return 'hits' in node;
}
